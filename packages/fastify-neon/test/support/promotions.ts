/**
 * Prints how many bytes of each statement came into V8's old generation, by the way that it was sent: what can be reached
 * from there when nobody wants it any more waits for a full collection.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { eq } from 'drizzle-orm'
import { verifiedUrl } from '../../src/connection-string/connection-url.ts'
import { createDatabase } from '../../src/drizzle/database.ts'
import { NeonPool, POOL_DEFAULTS } from '../../src/pool/pool.ts'
import { notes } from './notes.ts'

// What is optimized may not make it, which hides what is made until then.
setFlagsFromString('--no-opt')
setFlagsFromString('--no-allocation-site-pretenuring')

const WARM_UP = 300
const STATEMENTS = 1200
const AT_ONCE = 4
// So that a full collection between two looks hides little.
const LOOK_EVERY = 20

const [url = ''] = process.argv.slice(2)
const pool = new NeonPool({ ...POOL_DEFAULTS, applicationName: 'promotions', url: verifiedUrl(url, 'url') })
const db = createDatabase(pool)
const user = createDatabase(pool).$withClaims({ 'app.user_id': 'alice' })
const client = await pool.connect()

const ways: Record<string, () => Promise<unknown>> = {
  'fastify.db': async () => db.select().from(notes).where(eq(notes.body, 'none')),
  'fastify.db.$client': () => pool.query('select $1::int', [1]),
  'a client': () => client.query('select $1::int', [1]),
  'request.db': async () => user.select().from(notes).where(eq(notes.body, 'none')),
  'a write of request.db': async () => user.update(notes).set({ body: 'none' }).where(eq(notes.body, 'none'))
}

const promoted: Record<string, number> = {}
for (const [way, send] of Object.entries(ways)) {
  await run(send, WARM_UP)
  promoted[way] = await run(send, STATEMENTS)
}
client.release()
await pool.end()
process.stdout.write(`promoted ${JSON.stringify(promoted)}\n`)

async function run(send: () => Promise<unknown>, count: number): Promise<number> {
  let sent = 0
  let bytes = 0
  let before = oldBytes()
  await Promise.all(Array.from({ length: AT_ONCE }, repeat))
  return Math.round(bytes / count)

  async function repeat() {
    while (sent < count) {
      sent += 1
      await send()
      if (sent % LOOK_EVERY === 0) look()
    }
  }

  function look() {
    const now = oldBytes()
    bytes += Math.max(0, now - before)
    before = now
  }
}

function oldBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? 0
}
