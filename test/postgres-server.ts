/**
 * One Postgres for a whole test run, with a migrated template in it. It ends
 * when the run does, however the run ends.
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startLocalNeon } from '../src/local/neon.ts'
import { isAlive } from '../src/local/postgres/staging.ts'
import { applyMigrations } from '../src/neon/migrations.ts'

const [runPid, addressFile] = process.argv.slice(2)
const MIGRATIONS = fileURLToPath(new URL('../drizzle', import.meta.url))
const POLL_MS = 200

const directory = await mkdtemp(join(tmpdir(), 'fastify-neon-test-'))
// Root's Postgres runs as another user, who has to get in.
await chmod(directory, 0o755)
const neon = await startLocalNeon({
  directory: join(directory, 'local'),
  systemDirectory: join(directory, 'system'),
  port: 0,
  fsync: false,
  log: () => {}
})
setInterval(() => isAlive(Number(runPid)) || stop(), POLL_MS)
process.on('SIGTERM', stop)

if (addressFile === undefined) throw new Error('usage: postgres-server <pid of the run> <file>')
await applyMigrations({ url: neon.url, folder: MIGRATIONS })
// tap makes its folder only when the first test ends.
await mkdir(dirname(addressFile), { recursive: true })
await writeFile(addressFile, JSON.stringify({ pid: process.pid, url: neon.url }), { mode: 0o600 })
process.send?.('ready')
process.disconnect?.()

async function stop() {
  await neon.close()
  await rm(directory, { recursive: true, force: true })
  if (addressFile) await rm(addressFile, { force: true })
  process.exit(0)
}
