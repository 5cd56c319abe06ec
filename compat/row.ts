/**
 * Runs one row: installs the app in an empty folder, compiles it, and runs its tests; or starts it, asks it for
 * its work, takes the database from it three times, and stops it.
 */
import { createWriteStream, existsSync } from 'node:fs'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { LocalNeon } from 'local-neon'
import { type Child, startChild, within } from './child.ts'
import { cleanEnvironment, nodeFolder, ROOT } from './packages.ts'
import type { Row } from './rows.ts'

export interface Place {
  /** Takes the folders and the logs of the rows. */
  folder: string
  /** Our packages, by name. */
  tarballs: Map<string, string>
}

/** By the name of the package. */
export type Versions = Record<string, string>

const APPS = join(ROOT, 'compat', 'apps')

// On a busy machine, with an empty cache.
const ROW_DEADLINE_MS = 420_000
const START_DEADLINE_MS = 60_000
const ANSWER_DEADLINE_MS = 30_000
/** Until the app does its work again after the database was taken from it. */
const RECOVERY_DEADLINE_MS = 60_000
const RECOVERY_INTERVAL_MS = 200
const EXIT_GRACE_MS = 1000
const STOP_DEADLINE_MS = 10_000

/** What must not be in any output. */
const COMPLAINT = /ERESOLVE|MaxListenersExceededWarning|UnhandledPromiseRejection|Uncaught/

/** Each takes the database from the app without telling it. */
const FAILURES: Record<string, (neon: LocalNeon) => unknown> = {
  'the end of its sessions': neon => neon.killBackends(),
  'a suspend of the compute': neon => neon.suspend(),
  'a reset of its connections': neon => neon.inject({ type: 'reset' }).remove()
}

export const logOf = (row: Row, { folder }: Place) => join(folder, `${row.name}.log`)

/** Resolves with the versions that were installed. Throws what is wrong. */
export async function runRow(row: Row, place: Place): Promise<Versions> {
  const home = join(place.folder, row.name)
  const log = createWriteStream(logOf(row, place))
  const children: Child[] = []
  try {
    return await within(ROW_DEADLINE_MS, 'not done', runSteps())
  } finally {
    for (const child of children) child.kill()
    log.end()
  }

  async function runSteps(): Promise<Versions> {
    const env = await environment(row, place)
    await mkdir(home)
    if (row.generate !== undefined) await run(row.generate, env)
    const generated = await manifestIn(home)
    await cp(resolve(APPS, row.app), home, { recursive: true })
    const manifest = combined(generated, await manifestIn(home), row, place)
    await writeFile(join(home, 'package.json'), JSON.stringify(manifest, null, 2))
    await run(row.packageManager === 'pnpm' ? 'npx --yes pnpm@12.4.2 install' : 'npm install', env)
    await useWith(manifest, env)
    const node = (await run('node --version', env)).trim().slice(1)
    return { node, ...(await installedVersions(manifest, home)) }
  }

  async function useWith({ scripts = {} }: Manifest, env: NodeJS.ProcessEnv): Promise<void> {
    const { startLocalNeon } = await localNeonOf(home)
    const neon = await startLocalNeon({ suspendAfterMs: 0, wakeDelayMs: 50 })
    const settings = { ...env, DATABASE_URL: neon.url, PORT: '0' }
    try {
      for (const script of ['build', 'migrate', 'test'])
        if (scripts[script]) await run(`npm run ${script}`, settings)
      if (scripts.start !== undefined) await serve(started(scripts.start, settings), neon)
    } finally {
      await neon.close()
    }
  }

  /** To its end, which has to be a good one. */
  async function run(command: string, env: NodeJS.ProcessEnv): Promise<string> {
    const child = started(command, env)
    await hasEnded(child, command)
    return child.output()
  }

  function started(command: string, env: NodeJS.ProcessEnv): Child {
    const child = startChild(command, { cwd: home, env, log })
    children.push(child)
    return child
  }

  async function serve(app: Child, neon: LocalNeon): Promise<void> {
    const early = app.ended.then(exit => {
      throw new Error(`the app ended by itself, with ${exit}`)
    })
    // A request that fails says less than the end of the app does, which comes after it.
    const used = use(app, neon).catch(async error => {
      await Promise.race([early, sleep(EXIT_GRACE_MS)])
      throw error
    })
    await Promise.race([used, early])
    log.write('# SIGTERM\n')
    app.signal('SIGTERM')
    await within(STOP_DEADLINE_MS, 'not stopped by SIGTERM', hasEnded(app, 'the app'))
  }

  async function use(app: Child, neon: LocalNeon): Promise<void> {
    const listening = app.said(/listening at (http:\/\/[^\s"]+)/)
    const url = `${await within(START_DEADLINE_MS, 'not started', listening)}/work`
    await untilDone(url, 'the start')
    for (const [what, fail] of Object.entries(FAILURES)) {
      log.write(`# ${what}\n`)
      // Of the request that is under way only an answer is asked.
      await Promise.all([answerOf(url), fail(neon)])
      await untilDone(url, what)
    }
  }
}

async function hasEnded(child: Child, name: string): Promise<void> {
  const exit = await child.ended
  if (exit !== 0) throw new Error(`${name} ended with ${exit}`)
  const [complaint] = COMPLAINT.exec(child.output()) ?? []
  if (complaint !== undefined) throw new Error(`${name} wrote ${complaint}`)
}

function answerOf(url: string): Promise<Response> {
  return fetch(url, { signal: AbortSignal.timeout(ANSWER_DEADLINE_MS) })
}

async function untilDone(url: string, what: string): Promise<void> {
  const deadline = performance.now() + RECOVERY_DEADLINE_MS
  for (;;) {
    const response = await answerOf(url)
    const text = await response.text()
    if (response.status === 200) return
    if (performance.now() > deadline)
      throw new Error(`no work done after ${what}: ${response.status} ${text}`)
    await sleep(RECOVERY_INTERVAL_MS)
  }
}

/** The app's own, where it has one. */
function localNeonOf(home: string): Promise<typeof import('local-neon')> {
  const own = join(home, 'node_modules', 'local-neon', 'dist', 'local-neon.js')
  return existsSync(own) ? import(pathToFileURL(own).href) : import('local-neon')
}

/** With the programs of the app, and the Node.js of the row. */
async function environment({ name, node }: Row, { folder }: Place): Promise<NodeJS.ProcessEnv> {
  const { PATH = '', ...env } = cleanEnvironment()
  const programs = [join(folder, name, 'node_modules', '.bin'), ...PATH.split(delimiter)]
  if (node !== undefined) programs.unshift(await nodeFolder(node, folder))
  // `npm run -s` would hide the warnings of these installs too.
  return { ...env, PATH: programs.join(delimiter), CI: 'true', NO_COLOR: '1', npm_config_loglevel: 'warn' }
}

interface Manifest {
  scripts?: Record<string, string>
  dependencies?: Versions
  devDependencies?: Versions
  overrides?: Versions
}

/** Of a folder without one: empty. */
async function manifestIn(folder: string): Promise<Manifest> {
  const file = join(folder, 'package.json')
  return existsSync(file) ? JSON.parse(await readFile(file, 'utf8')) : {}
}

/** The app's own over the one that was generated, with our tarballs and the versions of the row. */
function combined(generated: Manifest, own: Manifest, row: Row, { tarballs }: Place): Manifest {
  const asked = (section: 'dependencies' | 'devDependencies') =>
    Object.fromEntries(
      Object.entries({ ...generated[section], ...own[section] }).map(([name, version]) => {
        const tarball = tarballs.get(name)
        return [name, tarball === undefined ? (row.versions?.[name] ?? version) : `file:${tarball}`]
      })
    )
  return {
    ...generated,
    ...own,
    scripts: { ...generated.scripts, ...own.scripts },
    dependencies: asked('dependencies'),
    devDependencies: asked('devDependencies'),
    ...(row.overrides && { overrides: row.overrides })
  }
}

/** Of what the app asks for, and of what the row is about. */
async function installedVersions(manifest: Manifest, home: string): Promise<Versions> {
  const { dependencies = {}, devDependencies = {}, overrides = {} } = manifest
  const asked = Object.entries({ ...dependencies, ...devDependencies, ...overrides })
  const names = asked.filter(([name, version]) => !version.startsWith('file:') && !name.startsWith('@types/'))
  return Object.fromEntries(
    await Promise.all(
      names.map(async ([name]) => {
        const file = join(home, 'node_modules', name, 'package.json')
        return [name, JSON.parse(await readFile(file, 'utf8')).version]
      })
    )
  )
}
