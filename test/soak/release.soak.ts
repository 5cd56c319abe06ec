/**
 * What a release does, in a copy of the repository and with a registry of this test: new versions with their changelogs, and
 * every package once.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, delimiter, dirname, join } from 'node:path'
import { json } from 'node:stream/consumers'
import { promisify } from 'node:util'
import t from 'tap'
import { cleanEnvironment, nodeFolder } from '../../compat/packages.ts'
import { ROOT } from '../support/processes.ts'
import { temporaryPath } from '../support/temporary-folder.ts'

/** The oldest that the release tool takes, as far as whole lines go, and that of release.yml. */
const [OLDEST, USED] = [24, '24']
const PACKAGES = ['create-fastify-neon', 'fastify-neon', 'local-neon', 'migration-lint']

const CHANGESET = `---
"fastify-neon": minor
---

A pool that never waits. So far it did.
`

interface Published {
  name: string
  'dist-tags': { latest: string }
  versions: Record<string, { repository: { directory: string }; dependencies?: Record<string, string> }>
}

const execute = promisify(execFile)

const folder = await mkdtemp(temporaryPath('release'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const published: Published[] = []
const registry = createServer(async (request, response) => {
  const name = request.url?.slice(1)
  const known = published.find(each => each.name === name)
  if (request.method === 'PUT') published.push((await json(request)) as Published)
  const [status, body] =
    request.method === 'PUT' ? [201, {}] : known ? [200, known] : [404, { error: 'not found' }]
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
})
registry.listen(0, '127.0.0.1')
await once(registry, 'listening')
t.teardown(() => registry.close())
const { port } = registry.address() as AddressInfo
const copy = join(folder, 'copy')
const { version: before } = await manifestOf(ROOT, 'fastify-neon')
const after = before.replace(/\.(\d+)\.\d+$/, (_all: string, minor: string) => `.${Number(minor) + 1}.0`)
const env = await environment()
await makeCopy()

t.test(
  'npm run release:version gives all packages the next version, with the entry in the changelog',
  async t => {
    const root = await readFile(join(copy, 'package.json'), 'utf8')
    await writeFile(join(copy, '.changeset/a-change.md'), CHANGESET)

    await changeset('version')

    for (const name of PACKAGES) {
      t.equal((await manifestOf(copy, name)).version, after, name)
      t.match(
        await readFile(join(copy, 'packages', name, 'CHANGELOG.md'), 'utf8'),
        new RegExp(`^## ${after}$[\\s\\S]*^## ${before}$`, 'm')
      )
    }
    t.equal((await manifestOf(copy, 'migration-lint')).dependencies['fastify-neon'], after)
    t.match(
      await readFile(join(copy, 'packages/fastify-neon/CHANGELOG.md'), 'utf8'),
      'A pool that never waits.'
    )
    t.equal(await readFile(join(copy, 'package.json'), 'utf8'), root, 'the service takes them at any version')
  }
)

t.test('npm run release:publish publishes each package once, those that others need before them', async t => {
  await changeset('publish', '--no-git-tag')

  const names = published.map(({ name }) => name)
  t.strictSame([...names].sort(), PACKAGES)
  t.ok(names.indexOf('fastify-neon') < names.indexOf('migration-lint'))
  for (const { name, versions, 'dist-tags': tags } of published) {
    t.strictSame(tags, { latest: after })
    t.match(versions[after], { repository: { directory: `packages/${name}` } })
  }

  await changeset('publish', '--no-git-tag')
  t.equal(published.length, PACKAGES.length)
})

t.test('npm run release:dry-run sends nothing, and lists what it would publish', async t => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
  const [, ...words] = scripts['release:dry-run'].split(' ')

  const { stdout } = await execute('npm', words, { cwd: copy, env })

  t.strictSame(
    stdout
      .trim()
      .split('\n')
      .map(line => line.replace(/^\+ (.*)@.*$/, '$1'))
      .sort(),
    PACKAGES
  )
  t.equal(published.length, PACKAGES.length)
})

/** As release.yml has it, where the Node.js of this run is too old. */
async function environment(): Promise<NodeJS.ProcessEnv> {
  const clean = cleanEnvironment()
  const isNew = Number.parseInt(process.versions.node, 10) >= OLDEST
  const node = isNew ? dirname(process.execPath) : await nodeFolder(USED, folder)
  const settings = join(folder, 'npmrc')
  await writeFile(settings, `//127.0.0.1:${port}/:_authToken=none\n`)
  return {
    ...clean,
    PATH: [node, clean.PATH].join(delimiter),
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_userconfig: settings
  }
}

/** With a history, of which the changelogs name commits; and without provenance, which only a workflow can give. */
async function makeCopy(): Promise<void> {
  const isSource = (path: string) => !['dist', 'node_modules', 'template', 'test'].includes(basename(path))
  for (const path of ['.changeset', 'packages', 'package.json', 'package-lock.json', '.npmrc'])
    await cp(join(ROOT, path), join(copy, path), { recursive: true, filter: isSource })
  for (const name of PACKAGES) {
    const { publishConfig: _publishConfig, ...manifest } = await manifestOf(copy, name)
    await writeFile(join(copy, 'packages', name, 'package.json'), JSON.stringify(manifest, null, 2))
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  const git = (...args: string[]) =>
    execute('git', ['-c', 'user.name=t', '-c', 'user.email=t@t.example', ...args], { cwd: copy })
  await git('init', '--quiet')
  await git('add', '.changeset', 'packages', 'package.json')
  await git('commit', '--quiet', '--message', 'first')
}

async function changeset(...args: string[]): Promise<void> {
  const bin = join(ROOT, 'node_modules/@changesets/cli/bin.js')
  await execute('node', [bin, ...args], { cwd: copy, env })
}

async function manifestOf(root: string, name: string) {
  return JSON.parse(await readFile(join(root, 'packages', name, 'package.json'), 'utf8'))
}
