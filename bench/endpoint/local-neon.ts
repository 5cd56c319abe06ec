/**
 * A process with a whole local Neon in a folder of its own, which goes with it.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLocalNeon } from '../../packages/local-neon/src/local-neon.ts'
import { dataDirectoryOf } from '../../packages/local-neon/src/postgres/cluster.ts'
import { choosePlace, SYSTEM_DIRECTORY } from '../../packages/local-neon/src/postgres/place.ts'
import { socketPathOf } from '../../packages/local-neon/src/postgres/socket-directory.ts'

import { takeOrders } from '../process/orders.ts'

export interface LocalNeonReady {
  url: string
  /** The Unix socket of its Postgres. */
  socketPath: string
}

const directory = await mkdtemp(join(tmpdir(), 'fastify-neon-bench-'))
const place = { directory, systemDirectory: SYSTEM_DIRECTORY, log: () => {} }
const { home, cluster } = await choosePlace(place)
const neon = await startLocalNeon({ ...place, port: 0, fsync: false }).catch(async (error: unknown) => {
  await removeFolders()
  throw error
})
const ready: LocalNeonReady = { url: neon.url, socketPath: socketPathOf(dataDirectoryOf(cluster)) }

takeOrders(ready, async () => {
  await neon.close()
  await removeFolders()
})

async function removeFolders() {
  await Promise.all([directory, home].map(folder => rm(folder, { recursive: true, force: true })))
}
