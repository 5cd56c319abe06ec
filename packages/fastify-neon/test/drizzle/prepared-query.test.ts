import { and, eq, sql } from 'drizzle-orm'
import { integer, jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import t, { type Test } from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { createDatabase as createDrizzle } from '../../src/drizzle/database.ts'
import { type Placeholders, preparedQuery } from '../../src/drizzle/prepared-query.ts'
import { toldOf } from '../support/line.ts'
import { openPool } from '../support/pools.ts'

const notes = pgTable('notes', {
  id: integer('id').primaryKey(),
  body: text('body').notNull(),
  madeAt: timestamp('made_at', { withTimezone: true }),
  more: jsonb('more').$type<{ tags: string[] }>()
})
const likes = pgTable('likes', { note: integer('note').notNull(), by: text('by').notNull() })

const findNote = preparedQuery((db, { id }: Placeholders<{ id: number }>) =>
  db.select().from(notes).where(eq(notes.id, id))
)
const addNote = preparedQuery((db, note: Placeholders<{ id: number; body: string }>) =>
  db.insert(notes).values({ id: note.id, body: note.body }).returning({ id: notes.id })
)

const FIRST = { id: 1, body: 'first', madeAt: null, more: null }

async function open(t: Test) {
  const url = await createDatabase(t, { migrated: false })
  await administer(
    `create table notes (id integer primary key, body text not null, made_at timestamptz, more jsonb);
     create table likes (note integer not null, by text not null);
     insert into notes values (1, 'first')`,
    url
  )
  const { pool } = await openPool(t, { max: 1 }, url)
  return { db: createDrizzle(pool, toldOf({ notes, likes })), pool }
}

t.test('a prepared query', async t => {
  t.test('answers as the query that it is made of, with the values of each run', async t => {
    const { db } = await open(t)

    t.strictSame(await addNote(db, { id: 2, body: 'second' }), [{ id: 2 }])

    t.strictSame(await findNote(db, { id: 1 }), [FIRST])
    t.strictSame(await findNote(db, { id: 2 }), [{ ...FIRST, id: 2, body: 'second' }])
    t.strictSame(await findNote(db, { id: 3 }), [])
  })

  t.test('is built once for all clients of a database, and once for each database', async t => {
    const { db, pool } = await open(t)
    let builds = 0
    const find = preparedQuery((db, { id }: Placeholders<{ id: number }>) => {
      builds += 1
      return db.select().from(notes).where(eq(notes.id, id))
    })
    t.equal(builds, 0)

    const alice = db.$withClaims({ 'app.user_id': 'alice' })
    for (const client of [db, db, alice]) t.strictSame(await find(client, { id: 1 }), [FIRST])
    t.strictSame(await db.transaction(tx => find(tx, { id: 1 })), [FIRST])
    t.equal(builds, 1)

    await find(createDrizzle(pool), { id: 1 })
    t.equal(builds, 2)
  })

  t.test('runs as the client says that it is given', async t => {
    const { db } = await open(t)
    const who = preparedQuery(db =>
      db.execute<{ who: string }>(sql`select current_setting('app.user_id', true) as who`)
    )

    const alice = await who(db.$withClaims({ 'app.user_id': 'alice' }), {})
    const bob = await who(db.$withClaims({ 'app.user_id': 'bob' }), {})

    t.strictSame([alice.rows, bob.rows], [[{ who: 'alice' }], [{ who: 'bob' }]])
  })

  t.test('is a part of the transaction that it is given', async t => {
    const { db } = await open(t)

    const undone = db.transaction(async tx => {
      await addNote(tx, { id: 2, body: 'second' })
      await tx.transaction(inner => addNote(inner, { id: 3, body: 'third' }))
      t.equal((await findNote(tx, { id: 3 })).length, 1)
      throw new RangeError('undone')
    })

    await t.rejects(undone, { message: 'undone' })
    t.strictSame(await db.select().from(notes), [FIRST])
  })

  t.test('is a part of a batch', async t => {
    const { db } = await open(t)

    const [added, found] = await db.$batch(db => [
      addNote(db, { id: 2, body: 'second' }),
      findNote(db, { id: 2 })
    ])

    t.strictSame(added, [{ id: 2 }])
    t.strictSame(found, [{ ...FIRST, id: 2, body: 'second' }])
  })

  t.test('is sent when it is awaited, and again each time', async t => {
    const { db, pool } = await open(t)

    const add = addNote(db, { id: 2, body: 'second' })
    t.equal(pool.stats().checkouts, 0)
    await add

    await t.rejects(add, { code: 'FST_NEON_CONFLICT', sqlState: '23505' })
  })

  t.test('stores values as their columns have them', async t => {
    const { db } = await open(t)
    const change = preparedQuery(
      (db, { id, madeAt, more }: Placeholders<{ id: number; madeAt: Date; more: { tags: string[] } }>) =>
        db
          .update(notes)
          .set({ madeAt: sql`${sql.param(madeAt, notes.madeAt)}`, more: sql`${sql.param(more, notes.more)}` })
          .where(eq(notes.id, id))
          .returning()
    )
    const madeAt = new Date('2026-05-04T03:02:01.123Z')
    const more = { tags: ['a', "b'"] }

    t.strictSame(await change(db, { id: 1, madeAt, more }), [{ ...FIRST, madeAt, more }])
  })

  t.test('has null for what was not joined', async t => {
    const { db } = await open(t)
    const withLikes = preparedQuery(db => db.select().from(notes).leftJoin(likes, eq(likes.note, notes.id)))

    t.strictSame(await withLikes(db, {}), [{ notes: FIRST, likes: null }])
  })

  t.test('takes more than one placeholder, and one more than once', async t => {
    const { db } = await open(t)
    const find = preparedQuery(
      (db, { id, body, most }: Placeholders<{ id: number; body: string; most: number }>) =>
        db
          .select({ id: notes.id })
          .from(notes)
          .where(and(eq(notes.id, id), eq(notes.id, id), eq(notes.body, body)))
          .limit(most)
    )

    t.strictSame(await find(db, { id: 1, body: 'first', most: 5 }), [{ id: 1 }])
    t.strictSame(await find(db, { id: 1, body: 'first', most: 0 }), [])
  })
})

t.test('a prepared query refuses', async t => {
  t.test('a value that is missing, and sends nothing', async t => {
    const { db, pool } = await open(t)

    // @ts-expect-error -- it has to be there
    await t.rejects(findNote(db, {}), { message: /placeholder "id"/ })

    t.equal(pool.stats().checkouts, 0)
  })

  t.test('what is no client', async t => {
    const failure = { code: 'FST_NEON_OPTION_INVALID', message: /runs on a client of Drizzle/ }
    for (const client of [{}, { _: {} }, { dialect: {}, _: { session: {} } }])
      await t.rejects(findNote(client as never, { id: 1 }), failure)
  })

  t.test('what is built with another client, or is no query', async t => {
    const { db } = await open(t)
    const failure = { code: 'FST_NEON_OPTION_INVALID', message: /must return a query/ }

    const builds: (() => PromiseLike<unknown>)[] = [
      () => Promise.resolve(1),
      () => db.select().from(notes),
      () => undefined as never
    ]
    for (const build of builds) await t.rejects(preparedQuery(build)(db, {}), failure)
  })

  t.test('nothing that the server refuses in other words than a query of Drizzle', async t => {
    const { db } = await open(t)

    await t.rejects(addNote(db, { id: 1, body: 'again' }), {
      code: 'FST_NEON_CONFLICT',
      sqlState: '23505'
    })
  })
})
