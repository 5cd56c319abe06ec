/**
 * Owns a whole local Neon: a real Postgres with roles like Neon's, behind one port that takes
 * both Neon's driver and plain Postgres clients. Either all of it runs, or none.
 */
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { ignore } from './failure.ts'
import { type Binaries, findBinaries, prepareBinaries } from './postgres/binaries.ts'
import { DATABASE, dataDirectoryOf, OWNER_ROLE, prepareCluster } from './postgres/cluster.ts'
import { choosePlace, type Place } from './postgres/place.ts'
import { type Postgres, startPostgres } from './postgres/postgres.ts'
import { awaitUnused, removeRunning, writeRunning } from './postgres/running.ts'
import { openServerLog } from './postgres/server-log.ts'
import type { ProcessExit } from './postgres/supervisor.ts'
import { type Endpoint, openEndpoint } from './proxy/endpoint.ts'
import { relay } from './proxy/relay.ts'
import { SYSTEM_DIRECTORY } from './settings.ts'

export interface LocalNeonOptions {
  /** Folder that keeps everything of this local Neon (data, password). Made when missing. */
  directory: string
  /** Port to listen on at 127.0.0.1; 0 = any free one. When taken, another free one is used. */
  port: number
  /** false trades durability on a machine crash for speed: for tests. @default true */
  fsync?: boolean
  /**
   * Folder for what lies in `directory` otherwise, when root starts and the user that Postgres
   * runs as cannot enter `directory`. @default '/var/lib/fastify-neon'
   */
  systemDirectory?: string
  log: (line: string) => void
}

export interface LocalNeon {
  /** The whole postgresql:// URL of database neondb as role neondb_owner: psql, drizzle-kit and the service take it. */
  url: string
  port: number
  /** True when the asked-for port was taken. */
  portWasTaken: boolean
  /** Pid of the postmaster. */
  postgresPid: number
  /** Resolves when Postgres ends without being asked to. */
  exited: Promise<ProcessExit>
  /** Stops the endpoint, then Postgres (fast shutdown); idempotent; bounded in time. */
  close(): Promise<void>
}

export async function startLocalNeon(options: LocalNeonOptions): Promise<LocalNeon> {
  const { directory, systemDirectory = SYSTEM_DIRECTORY, log } = options
  const source = await findBinaries()
  const place = await choosePlace({ directory, systemDirectory, log })
  const { home, cluster } = place
  // Before the log is emptied, which may be the one of the Postgres that has the folder.
  await awaitUnused(home, dataDirectoryOf(cluster))
  const binaries = await prepareBinaries({ source, ...place, log })
  const { postgres, password } = await startCluster(options, place, binaries)

  let isAsked = false
  let closing: Promise<void> | undefined
  let endpoint: Endpoint | undefined
  try {
    const openSession = (client: Duplex) => relay(client, connect(postgres.socketPath))
    endpoint = await openEndpoint({ port: options.port, openSession })
    await writeRunning(home, { pid: process.pid, port: endpoint.port, postgresPid: postgres.pid })
  } catch (error) {
    await close()
    throw error
  }
  const { port, portWasTaken } = endpoint
  const url = `postgresql://${OWNER_ROLE}:${password}@127.0.0.1:${port}/${DATABASE}`
  return { url, port, portWasTaken, postgresPid: postgres.pid, exited: unaskedExit(), close }

  function close() {
    closing ??= closeAll()
    return closing
  }

  async function closeAll() {
    isAsked = true
    // First, so that whoever starts now waits for the end instead of refusing. A record that
    // cannot be removed names a Postgres that is gone, and is ignored.
    await removeRunning(home).catch(ignore)
    await endpoint?.close()
    await postgres.stop()
  }

  function unaskedExit(): Promise<ProcessExit> {
    return new Promise(resolve => {
      postgres.exited.then(exit => {
        if (!isAsked) resolve(exit)
      })
    })
  }
}

interface StartedCluster {
  postgres: Postgres
  password: string
}

async function startCluster(
  { fsync = true }: LocalNeonOptions,
  { home, cluster, account }: Place,
  binaries: Binaries
): Promise<StartedCluster> {
  const serverLog = await openServerLog(join(home, 'postgres.log'))
  try {
    const shared = { binaries, account, serverLog, fsync }
    const password = await prepareCluster({ directory: cluster, ...shared })
    const postgres = await startPostgres({ home, dataDirectory: dataDirectoryOf(cluster), ...shared })
    return { postgres, password }
  } finally {
    // Postgres has a descriptor of its own.
    await serverLog.close()
  }
}
