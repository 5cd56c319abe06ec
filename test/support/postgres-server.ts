/**
 * One Postgres for a whole test run, with a migrated template in it. It ends
 * when the run does, however the run ends.
 */
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { applyMigrations } from '../../packages/fastify-neon/src/migrations/migrations.ts'
import { startLocalNeon } from '../../packages/local-neon/src/local-neon.ts'
import { dataDirectoryOf } from '../../packages/local-neon/src/postgres/cluster.ts'
import { SOCKET_PORT, socketDirectoryOf } from '../../packages/local-neon/src/postgres/socket-directory.ts'
import { isAlive } from '../../packages/local-neon/src/postgres/staging.ts'
import { DATA_PARENT } from './data-parent.ts'
import { removeLeftovers, temporaryPath } from './temporary-folder.ts'

const [runPid, addressFile] = process.argv.slice(2)
const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url))
const POLL_MS = 200

// Here, since tap adds up the coverage of what it starts itself.
await removeLeftovers()
const directory = await mkdtemp(temporaryPath('server', DATA_PARENT))
// Root's Postgres runs as another user, who has to get in.
await chmod(directory, 0o755)
const home = join(directory, 'local')
const socket = { host: socketDirectoryOf(dataDirectoryOf(join(home, 'cluster'))), port: SOCKET_PORT }
const options = {
  directory: home,
  systemDirectory: join(directory, 'system'),
  port: 0,
  suspendAfterMs: 0,
  fsync: false,
  log: () => {}
}
// Made once for all: most of the tests of local Neon begin with a copy.
const cluster = join(directory, 'cluster')
const first = await startLocalNeon(options)
await first.close()
await promisify(execFile)('cp', ['-a', join(home, 'cluster'), cluster])
const neon = await startLocalNeon(options)
setInterval(() => isAlive(Number(runPid)) || stop(), POLL_MS)
process.on('SIGTERM', stop)

if (addressFile === undefined) throw new Error('usage: postgres-server <pid of the run> <file>')
await applyMigrations({ url: neon.url, folder: MIGRATIONS })
await makeLoginsCheap(neon.url)
// tap makes its folder only when the first test ends.
await mkdir(dirname(addressFile), { recursive: true })
const packages = join(directory, 'packages')
await writeFile(addressFile, JSON.stringify({ pid: process.pid, url: neon.url, socket, cluster, packages }), {
  mode: 0o600
})
process.send?.('ready')
process.disconnect?.()

/** The same password, of which a verifier takes one round of hashing and not 4096, on both sides of thousands of logins. */
async function makeLoginsCheap(url: string) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`set scram_iterations = 1; alter role current_user password '${new URL(url).password}'`)
  await client.end()
}

async function stop() {
  await neon.close()
  await rm(directory, { recursive: true, force: true })
  if (addressFile) await rm(addressFile, { force: true })
  process.exit(0)
}
