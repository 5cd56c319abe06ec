/**
 * The service as a child process that is started again when its source changes.
 * It ends when this process does, since it holds the other end of its channel.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FSWatcher, watch } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface ServiceOptions {
  /** The whole environment of the service. */
  env: NodeJS.ProcessEnv
  /** A change in one of these folders starts the service again. */
  watched: readonly string[]
  onListening: (url: string) => void
  /** With the paths of what has changed. The service starts again when this has resolved. */
  onReload: (files: string[]) => Promise<void>
  /** The service ended by itself. */
  onExit: () => void
}

export interface Service {
  /** Asks the service to stop and waits for it. */
  stop(): Promise<void>
}

const ENTRY = fileURLToPath(new URL('../src/server.ts', import.meta.url))

// An editor writes a file in several steps, and a checkout many files.
const SETTLE_MS = 100

/* c8 ignore start -- runs in the process of npm run dev (test/dev/dev.test.ts, test/soak/dev.soak.ts), whose coverage is not always kept */
export function runService(options: ServiceOptions): Service {
  let { env } = options
  let child = startHere()
  let restart: NodeJS.Timeout | undefined
  let isStopping = false
  // One after the other, or two changes would start two services.
  let reloaded = Promise.resolve()
  const changed = new Set<string>()
  const watchers = options.watched.map(watchFolder)

  return { stop }

  function startHere() {
    return start({ ...options, env, onListening })
  }

  /** Where it has listened once it listens again, also at a port that was any free one. */
  function onListening(url: string) {
    env = { ...env, PORT: new URL(url).port }
    options.onListening(url)
  }

  function watchFolder(folder: string): FSWatcher {
    return watch(folder, { recursive: true }, (_event, file) => {
      changed.add(join(folder, String(file)))
      clearTimeout(restart)
      restart = setTimeout(() => {
        reloaded = reloaded.then(reload)
      }, SETTLE_MS)
    })
  }

  async function reload() {
    const files = [...changed]
    changed.clear()
    // The reload before this one took them along.
    if (files.length === 0) return
    await options.onReload(files)
    const previous = child
    previous.removeAllListeners('exit')
    await end(previous)
    if (!isStopping) child = startHere()
  }

  async function stop() {
    isStopping = true
    for (const watcher of watchers) watcher.close()
    clearTimeout(restart)
    child.removeAllListeners('exit')
    await end(child)
  }
}

function start({ env, onListening, onExit }: ServiceOptions): ChildProcess {
  // With the loader that runs this file.
  const child = spawn(process.execPath, [...process.execArgv, ENTRY], {
    env,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // A terminal's Ctrl-C goes to the whole group, and a second signal would
    // cut the requests off that the first one lets finish.
    detached: true
  })
  child.on('message', (message: { url: string }) => onListening(message.url))
  child.on('exit', onExit)
  return child
}

async function end(child: ChildProcess) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}
