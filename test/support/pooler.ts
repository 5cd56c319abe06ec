/**
 * A real PgBouncer in front of the Postgres of the tests, in transaction mode, reached as Neon's is: over a
 * WebSocket, or over plain TCP. It is gone when the test is.
 */
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import pg from 'pg'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import { listen } from '../../packages/local-neon/src/listen.ts'
import { findPgBouncer } from '../../packages/local-neon/src/pooler/find.ts'
import {
  type PgBouncer,
  POOLER_PORT,
  startPgBouncer
} from '../../packages/local-neon/src/pooler/pgbouncer.ts'
import { canReach, chooseAccount } from '../../packages/local-neon/src/postgres/account.ts'
import { openServerLog } from '../../packages/local-neon/src/postgres/server-log.ts'
import { createWebSocketStream } from '../../packages/local-neon/src/proxy/websocket-stream.ts'
import { readServer } from './postgres.ts'
import { skipUnlessInCi } from './skip-unless-in-ci.ts'
import { temporaryPath } from './temporary-folder.ts'

export interface PoolerOptions {
  /** @default 1000, as on Neon; 0 passes the names of statements on as they are */
  maxPreparedStatements?: number
  /** Sessions for each user and database. @default 3 */
  poolSize?: number
  /** How it asks for the password; `plain` is in the clear. @default 'plain', as Neon's proxy does over a WebSocket */
  auth?: 'plain' | 'md5' | 'scram-sha-256'
  /** Any others of pgbouncer.ini. */
  settings?: Record<string, string | number>
  /** The database behind it. @default the Postgres of the tests */
  server?: string
}

export interface Pooler {
  /** The same database, by way of the pooler. */
  through(this: void, url: string): string
  /** Sends a command to the console: PAUSE, RESUME, RECONNECT, KILL, SHOW POOLS. */
  command(this: void, command: string): Promise<Record<string, unknown>[]>
  /** Ends it at once, with all its sessions. Nobody gets a connection until it is started. */
  stop(): Promise<void>
  start(): Promise<void>
  /** Pid of the process that runs, or ran last. */
  readonly pid: number
}

const ADMIN = 'pooler_admin'

/** Why tests through a pooler are left out here; false where they are not. In CI there is no reason. */
export const NO_POOLER = await reasonToSkip()

export async function openPooler(
  t: Pick<Test, 'teardown'>,
  { maxPreparedStatements = 1000, poolSize = 3, auth = 'plain', settings, server }: PoolerOptions = {}
): Promise<Pooler> {
  const program = await programOf()
  const direct = new URL(server ?? readServer().url)
  // A path that is not long, since that of a socket must not be.
  const folder = await mkdtemp(temporaryPath('pgbouncer', '/tmp'))
  const account = await chooseAccount(join(folder, 'none'))
  if (account) await chown(folder, account.uid, account.gid)
  await chmod(folder, 0o755)
  const adminPassword = randomBytes(12).toString('hex')
  const serverLog = await openServerLog(join(folder, 'pgbouncer.log'))
  const start = () =>
    startPgBouncer({
      program,
      account,
      home: folder,
      socketDirectory: folder,
      serverLog,
      server: `host=${direct.hostname} port=${direct.port}`,
      settings: {
        auth_type: auth,
        max_prepared_statements: maxPreparedStatements,
        default_pool_size: poolSize,
        admin_users: ADMIN,
        unix_socket_mode: '0777',
        // A session that is lost is replaced at once, where the default is to wait.
        server_login_retry: 0,
        ...settings
      },
      passwords: { [direct.username]: decodeURIComponent(direct.password), [ADMIN]: adminPassword }
    })
  let pgbouncer: PgBouncer | undefined
  let pid = 0
  t.teardown(async () => {
    await pgbouncer?.stop()
    await serverLog.close()
    await rm(folder, { recursive: true, force: true })
  })
  await startAgain()
  const port = await relay(t, () => connect(join(folder, `.s.PGSQL.${POOLER_PORT}`)))

  return {
    through: url => Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(port) }).href,
    command,
    stop,
    start: startAgain,
    get pid() {
      return pid
    }
  }

  async function startAgain() {
    pgbouncer ??= await start()
    pid = pgbouncer.pid
  }

  async function stop() {
    await pgbouncer?.stop()
    pgbouncer = undefined
  }

  async function command(text: string) {
    const console = new pg.Client({
      host: folder,
      port: POOLER_PORT,
      user: ADMIN,
      password: adminPassword,
      database: 'pgbouncer'
    })
    await console.connect()
    try {
      return (await console.query(text)).rows
    } finally {
      await console.end()
    }
  }
}

/** Lets both kinds of clients in at one port, as Neon's proxy does. */
async function relay(t: Pick<Test, 'teardown'>, open: () => Socket): Promise<number> {
  const http = createHttpServer()
  const webSockets = new WebSocketServer({ noServer: true })
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', ignore).on('close', () => sockets.delete(socket))
    socket.once('data', first => {
      socket.pause().unshift(first)
      if (first[0] === 0) connectTo(socket)
      else http.emit('connection', socket)
      socket.resume()
    })
  })
  http.on('upgrade', (request, socket, head) =>
    webSockets.handleUpgrade(request, socket, head, webSocket =>
      connectTo(createWebSocketStream({ socket: webSocket, raw: socket }).stream)
    )
  )
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (await listen(server, 0)).port

  function connectTo(client: Duplex) {
    const pooler = open()
    sockets.add(pooler)
    pooler.on('error', ignore).on('close', () => {
      sockets.delete(pooler)
      client.destroy()
    })
    client.on('error', ignore).on('close', () => pooler.destroy())
    client.pipe(pooler).pipe(client)
  }
}

async function programOf(): Promise<string> {
  const found = await findPgBouncer()
  if (found.program === undefined) throw new Error(found.reason)
  return found.program
}

async function reasonToSkip(): Promise<string | false> {
  const found = await findPgBouncer()
  if (found.program === undefined) return skipUnlessInCi(`no pooler: ${found.reason}`)
  const account = await chooseAccount(join('/tmp', 'none'))
  if (await canReach(account, [dirname(found.program), found.program])) return false
  return skipUnlessInCi(`no pooler: ${found.program} cannot be run by uid ${account?.uid}`)
}

function ignore() {}
