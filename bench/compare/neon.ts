/**
 * A process with the local Neon of the comparison, in a folder of its own which goes with it: the project's
 * tables and policies, some tasks, and an endpoint with TLS and without.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startLocalNeon } from '../../src/local/neon.ts'
import { dataDirectoryOf } from '../../src/local/postgres/cluster.ts'
import { choosePlace, SYSTEM_DIRECTORY } from '../../src/local/postgres/place.ts'
import { SOCKET_PORT, socketDirectoryOf } from '../../src/local/postgres/socket-directory.ts'
import { verifiedUrl } from '../../src/neon/connection-url.ts'
import { openSession } from '../../src/neon/migrations/session.ts'
import { applyMigrations } from '../../src/neon/migrations.ts'
import { takeOrders } from '../process/orders.ts'
import { SEED } from './works.ts'

export interface NeonReady {
  url: string
  port: number
  /** For NODE_EXTRA_CA_CERTS. */
  caFile: string
  /** Of its Postgres. */
  socket: { directory: string; port: number }
}

export type NeonOrder = { type: 'suspend' }

/** As long as Neon's documentation says that a wake takes, and always the same. */
export const WAKE_DELAY_MS = 300
const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url))

const directory = await mkdtemp(join(tmpdir(), 'fastify-neon-bench-'))
const place = { directory, systemDirectory: SYSTEM_DIRECTORY, log: () => {} }
const { home, cluster } = await choosePlace(place)
const neon = await startLocalNeon({
  ...place,
  fsync: false,
  tls: 'offered',
  suspendAfterMs: 0,
  wakeDelayMs: WAKE_DELAY_MS,
  wakeJitterMs: 0
}).catch(async (error: unknown) => {
  await removeFolders()
  throw error
})
await fill()
const ready: NeonReady = {
  url: neon.url,
  port: neon.port,
  caFile: neon.ca?.file ?? '',
  socket: { directory: socketDirectoryOf(dataDirectoryOf(cluster)), port: SOCKET_PORT }
}

takeOrders<NeonOrder>(
  ready,
  async () => {
    await neon.close()
    await removeFolders()
  },
  neon.suspend
)

async function fill() {
  await applyMigrations({ url: neon.url, folder: MIGRATIONS })
  const session = await openSession({
    url: verifiedUrl(neon.url, 'url'),
    applicationName: 'fastify-neon-bench',
    answerTimeoutMs: 10_000
  })
  await session.query(SEED)
  await session.query('analyze')
  await session.close()
}

async function removeFolders() {
  await Promise.all([directory, home].map(folder => rm(folder, { recursive: true, force: true })))
}
