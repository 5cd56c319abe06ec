/**
 * `npm create fastify-neon` from the packed tarballs, in an empty folder, as an ordinary user: what it makes installs, builds, is
 * tested and runs.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { cleanEnvironment, ROOT } from '../../compat/packages.ts'
import { canReach } from '../../packages/local-neon/src/postgres/account.ts'
import { isRoot } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import { temporaryPath } from '../support/temporary-folder.ts'
import { packedPackages } from './packed-packages.ts'
import { passesChecks } from './tarball.ts'

/** Owns nothing on this machine. Where another user than root runs the tests, it is that one. */
const ORDINARY = isRoot ? { uid: 65_534, gid: 65_534 } : {}

/** Each takes two minutes, so they are made weekly. */
const VARIANT = { skip: process.env.ALL_VARIANTS ? false : 'by npm run test:weekly' }

const READY = /^stop +Ctrl-C$/m

const execute = promisify(execFile)

t.setTimeout(1_200_000)
const home = await mkdtemp(temporaryPath('create'))
t.teardown(() => rm(home, { recursive: true, force: true }))
const { folder: tarballs } = await packedPackages()
const empty = join(home, 'empty')
await mkdir(empty)
await chmod(home, 0o755)
if (isRoot) for (const folder of [home, empty]) await chown(folder, 65_534, 65_534)

const env = {
  ...cleanEnvironment(),
  HOME: home,
  npm_config_cache: join(home, 'cache'),
  npm_config_prefer_offline: 'true'
}
const skip =
  isRoot &&
  !(await canReach({ uid: 65_534, gid: 65_534 }, [process.execPath, home])) &&
  'it cannot enter the folder of Node.js'

t.test('npm create fastify-neon', { skip }, async t => {
  const creator = await pack()

  await passesChecks(t, 'create-fastify-neon', creator)

  t.test('makes a service with a frontend, which builds, is checked, is tested, and runs', async t => {
    const output = await create(creator, ['my-app'])
    const project = join(empty, 'my-app')

    t.match(output, /\n {2}cd my-app\n {2}npm run dev .*\n {2}npm test\n$/)
    t.notMatch(await readFile(join(project, 'package-lock.json'), 'utf8'), /"resolved": "\w+:\/\//)
    await npm(project, 'run', 'build')
    for (const built of ['dist/server.js', 'frontend/dist/index.html'])
      t.ok(existsSync(join(project, built)), built)
    await npm(project, 'run', 'check')
    t.match(await npm(project, 'test'), /^# pass 8$/m)
    await runs(t, project, ['service', 'frontend', 'database', 'console', 'try', 'stop'])
  })

  t.test('makes one without the frontend, which runs', VARIANT, async t => {
    const project = await createAndInstall(creator, 'no-frontend')

    // Its types are those of the one without the example, which has no frontend either.
    await npm(project, 'run', 'lint')
    await runs(t, project, ['service', 'database', 'console', 'try', 'stop'])
  })

  t.test(
    'makes one without the example, which is checked and tested, and whose schema has its migrations',
    VARIANT,
    async t => {
      const project = await createAndInstall(creator, 'no-example')

      await npm(project, 'run', 'check')
      t.match(await npm(project, 'test'), /^# pass 6$/m)
      t.match(await npm(project, 'run', 'db:generate'), 'No schema changes')
      t.match(await npm(project, 'run', 'db:check', '--', '--no-base'), /nothing found in \d migrations/)
    }
  )

  t.test('leaves nothing when npm install fails', async t => {
    const none = { npm_config_offline: 'true', npm_config_cache: join(home, 'no-cache') }

    await t.rejects(create(creator, ['failed'], none), { code: 1, stderr: /npm install failed/ })
    t.notOk((await readdir(empty)).includes('failed'))
  })

  t.test('leaves nothing when Ctrl-C ends it during the installation', async t => {
    const child = spawn('npm', creating(creator, ['aborted']), {
      ...ORDINARY,
      cwd: empty,
      env,
      detached: true,
      stdio: 'ignore'
    })
    t.teardown(() => end(child, 'SIGKILL'))
    const project = join(empty, 'aborted')
    await until(() => existsSync(join(project, 'package.json')))

    end(child, 'SIGINT')

    await until(() => !existsSync(project))
    await until(async () => (await processesIn(project)).length === 0)
  })
})

/** Resolves with the program, installed as npm does it for `npm create`. */
async function pack(): Promise<string> {
  const own = 'packages/create-fastify-neon'
  await execute('npm', ['run', 'build', '-w', own], { cwd: ROOT, env: cleanEnvironment() })
  const { stdout } = await execute('npm', ['pack', '--silent', '--pack-destination', home, '-w', own], {
    cwd: ROOT,
    env: cleanEnvironment()
  })
  const creator = join(home, stdout.trim())
  await chmod(creator, 0o755)
  return creator
}

function create(creator: string, args: string[], settings = {}): Promise<string> {
  return run(empty, creating(creator, args), settings)
}

/** What npm is given. */
function creating(creator: string, args: string[]): string[] {
  const exec = ['exec', '--yes', `--package=${creator}`, '--', 'create-fastify-neon']
  return [...exec, ...args, '--packages', tarballs]
}

/** With what the first project has installed, which npm then makes what this one asks for, in a third of the time. */
async function createAndInstall(creator: string, variant: string): Promise<string> {
  const project = join(empty, variant)
  await create(creator, [variant, `--${variant}`, '--no-install'])
  await execute('cp', ['-al', join(empty, 'my-app/node_modules'), project])
  await npm(project, 'install', '--no-audit', '--no-fund')
  return project
}

function npm(project: string, ...args: string[]): Promise<string> {
  return run(project, args)
}

async function run(cwd: string, args: string[], settings = {}): Promise<string> {
  const { stdout } = await execute('npm', args, { ...ORDINARY, cwd, env: { ...env, ...settings } })
  return stdout
}

/** `npm run dev` says where everything is, answers, and leaves nothing when a terminal ends it. */
async function runs(t: Test, project: string, lines: string[]): Promise<void> {
  const free = { PORT: '0', LOCAL_NEON_PORT: '0', LOCAL_NEON_CONTROL_PORT: '0' }
  const child = spawn('npm', ['run', 'dev'], {
    ...ORDINARY,
    cwd: project,
    env: { ...env, ...free },
    // A terminal's Ctrl-C goes to the whole group.
    detached: true
  })
  t.teardown(() => end(child, 'SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk))
  const ended = once(child, 'close')
  await Promise.race([until(() => READY.test(output)), ended])
  t.match(output, READY)
  const said = [...output.matchAll(/^([a-z]+) {2,}\S/gm)].map(([, name]) => name)
  t.strictSame(
    said.filter(name => name !== 'applied'),
    lines
  )
  const [, url] = /^service +(\S+)$/m.exec(output) ?? []

  await until(async () => (await fetch(`${url}/readyz`)).status === 200)
  end(child, 'SIGINT')
  await ended

  t.strictSame(await processesIn(project), [])
}

function end({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-Number(pid), signal)
  } catch {
    // They have ended.
  }
}

/** Those that work in this folder, or whose command line names it. */
async function processesIn(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '')
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (`${cwd}/`.startsWith(`${folder}/`) || command.includes(folder))
      found.push(command.replaceAll('\0', ' '))
  }
  return found
}
