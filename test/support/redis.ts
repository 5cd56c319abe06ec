/**
 * A real redis-server: the one that REDIS_SERVER names, or the first on the PATH. It is gone when the test is.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { listen } from '../../packages/local-neon/src/listen.ts'
import { until } from './app.ts'
import { skipUnlessInCi } from './skip-unless-in-ci.ts'
import { temporaryPath } from './temporary-folder.ts'

const PROGRAM = process.env.REDIS_SERVER ?? 'redis-server'

/** Why tests with a Redis are left out here; false where they are not. In CI there is no reason. */
export const NO_REDIS = reasonToSkip()

export interface TestRedis {
  /** The same through all stops. */
  url: string
  start(): Promise<void>
  stop(): Promise<void>
  /** Takes connections and commands from now on, and answers none, until it is stopped. */
  silence(): void
}

export async function openRedis(t: Test): Promise<TestRedis> {
  const folder = await mkdtemp(temporaryPath('redis', '/tmp'))
  const path = join(folder, 'socket')
  const sockets = new Set<Socket>()
  // In front of it, so that it has a port of its own through all stops.
  const front = createServer(socket => {
    const server = connect(path)
    for (const one of [socket, server]) {
      sockets.add(one)
      one
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(one)
          socket.destroy()
          server.destroy()
        })
    }
    socket.pipe(server).pipe(socket)
  })
  const { port } = await listen(front, 0)
  let server: ReturnType<typeof spawn> | undefined
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    front.close()
    await stop()
    await rm(folder, { recursive: true, force: true })
  })
  await start()
  return { url: `redis://127.0.0.1:${port}`, start, stop, silence: () => void server?.kill('SIGSTOP') }

  async function start() {
    const settings = [
      '--port',
      '0',
      '--unixsocket',
      path,
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      folder
    ]
    server = spawn(PROGRAM, settings, { stdio: 'ignore' })
    await until(() => accepts(path))
  }

  async function stop() {
    if (server === undefined || server.exitCode !== null) return
    server.kill('SIGKILL')
    await once(server, 'close')
    server = undefined
  }
}

function accepts(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    socket
      .once('error', () => resolve(false))
      .once('connect', () => {
        socket.destroy()
        resolve(true)
      })
  })
}

function reasonToSkip(): string | false {
  const { stdout } = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' })
  if (/^(?:Redis|Valkey) server/.test(stdout ?? '')) return false
  return skipUnlessInCi(`no Redis: ${PROGRAM} is not there; REDIS_SERVER can name one`)
}
