/**
 * A process with the local Neon of the comparison, in a folder of its own which goes with it: the project's
 * tables and policies, some tasks, and an endpoint with TLS and without.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openSession } from '../../packages/fastify-neon/src/client/single-session.ts'
import { verifiedUrl } from '../../packages/fastify-neon/src/connection-string/connection-url.ts'
import { applyMigrations } from '../../packages/fastify-neon/src/migrations/migrations.ts'
import { startLocalNeon } from '../../packages/local-neon/src/local-neon.ts'
import { dataDirectoryOf } from '../../packages/local-neon/src/postgres/cluster.ts'
import { choosePlace, SYSTEM_DIRECTORY } from '../../packages/local-neon/src/postgres/place.ts'
import { SOCKET_PORT, socketDirectoryOf } from '../../packages/local-neon/src/postgres/socket-directory.ts'
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
