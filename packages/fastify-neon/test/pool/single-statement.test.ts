import { sql } from 'drizzle-orm'
import pg from 'pg'
import t from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer } from '../../../../test/support/postgres.ts'
import type { NeonPool } from '../../src/pool/pool.ts'
import { isRunning, notes, openNotes } from '../support/notes.ts'
import { breakLink, type Wire } from '../support/wire.ts'

/** Breaks the link of the next client that is taken at this answer: nothing behind it is heard. */
function breakAt(pool: NeonPool, message: 'parseComplete' | 'commandComplete') {
  pool.once('acquire', (client: Wire) => {
    const { connection } = client
    const emit = connection.emit.bind(connection)
    let isBroken = false
    connection.emit = (event, value) => {
      if (event === message) breakLink(client)
      const isHeard = !isBroken || event === 'end' || event === 'error'
      isBroken ||= event === message
      return isHeard ? emit(event, value) : true
    }
  })
}

t.test('a single statement that writes', async t => {
  for (const message of ['parseComplete', 'commandComplete'] as const)
    t.test(`and whose link is lost at ${message} is sent once, and said to be safe for nobody`, async t => {
      const { db, pool, stored } = await openNotes(t)
      breakAt(pool, message)

      const failure = { code: 'FST_NEON_CONNECTION_LOST', retryable: false }
      await t.rejects(db.insert(notes).values({ body: 'once' }).execute(), failure)

      t.equal(pool.stats().transactionRepeats, 0)
      await until(async () => (await stored()).length === 1)
    })

  t.test('and fails at its commit tells why', async t => {
    const { db, url } = await openNotes(t)
    await administer(
      'alter table notes drop constraint notes_body_key, add unique (body) deferrable initially deferred',
      url
    )
    await db.insert(notes).values({ body: 'taken' })

    await t.rejects(db.insert(notes).values({ body: 'taken' }).execute(), {
      code: 'FST_NEON_CONFLICT',
      sqlState: '23505'
    })
  })

  t.test('and waits for a lock makes no other wait', async t => {
    const { db, url } = await openNotes(t, { max: 2 })
    await db.insert(notes).values({ body: 'held' })
    const holder = new pg.Client({ connectionString: url })
    await holder.connect()
    t.teardown(() => holder.end())
    await holder.query("begin; update notes set body = 'held' where body = 'held'")

    const change = db.update(notes).set({ body: 'changed' }).execute()
    await until(() => isRunning(url, '^update'))
    await Promise.all(Array.from({ length: 50 }, () => db.select().from(notes)))
    t.ok(await isRunning(url, '^update'))
    await holder.query('commit')

    await change
    t.strictSame(await db.select().from(notes), [{ body: 'changed' }])
  })

  t.test('and leaves a transaction open loses its session with it', async t => {
    const { db, pool } = await openNotes(t)

    await db.execute(sql`begin`).catch(() => {})

    await until(() => pool.stats().total === 0)
    t.strictSame(await db.select().from(notes), [])
  })
})
