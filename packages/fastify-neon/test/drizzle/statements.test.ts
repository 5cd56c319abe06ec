/**
 * Each kind of statement that Drizzle builds, in each place where one can be sent: the answer is the same.
 */
import * as drizzle from 'drizzle-orm'
import { asc, eq, sql } from 'drizzle-orm'
import type { NeonQueryResultHKT } from 'drizzle-orm/neon-serverless'
import {
  bigint,
  date,
  integer,
  interval,
  jsonb,
  numeric,
  type PgDatabase,
  pgMaterializedView,
  pgTable,
  pgView,
  point,
  text,
  timestamp,
  unionAll
} from 'drizzle-orm/pg-core'
import t, { type Test } from 'tap'
import { administer } from '../../../../test/support/postgres.ts'
import { createDatabase } from '../../src/drizzle/database.ts'
import { byLine, isLine1, toldOf } from '../support/line.ts'
import { openPool } from '../support/pools.ts'

const authors = pgTable('authors', { id: integer('id').primaryKey(), name: text('name').notNull() })
const books = pgTable('books', {
  id: integer('id').primaryKey(),
  authorId: integer('author_id').notNull(),
  title: text('title').notNull(),
  printedAt: timestamp('printed_at', { withTimezone: true }),
  soldOn: date('sold_on'),
  loan: interval('loan'),
  copies: bigint('copies', { mode: 'bigint' }),
  price: numeric('price'),
  tags: text('tags').array(),
  place: point('place'),
  extra: jsonb('extra')
})
const titles = pgView('titles').as(qb => qb.select({ title: books.title }).from(books))
const kept = pgMaterializedView('kept').as(qb => qb.select({ title: books.title }).from(books))

const TABLES = `
  create table authors (id int primary key, name text not null);
  create table books (id int primary key, author_id int not null, title text not null, printed_at timestamptz,
    sold_on date, loan interval, copies bigint, price numeric, tags text[], place point, extra jsonb);
  create view titles as select title from books;
  insert into authors values (1, 'Ada'), (2, 'Grace');
  insert into books (id, author_id, title) values (11, 2, 'Bugs');
  create materialized view kept as select title from books`

const NOTES = {
  id: 10,
  authorId: 1,
  title: 'Notes',
  printedAt: new Date('1843-09-01T12:30:00.123Z'),
  soldOn: '1843-10-01',
  loan: '14 days',
  copies: 2n ** 60n,
  price: '12.5',
  tags: ['a "b"', 'ü, c'],
  place: [1.5, -2] as [number, number],
  extra: { pages: [1, 'two', null] }
}

/** Relations of both tables, in the words of the line that runs. */
const told = byLine({
  v0: () => ({
    schema: {
      authors,
      books,
      ofAuthors: drizzle.relations(authors, ({ many }) => ({ books: many(books) })),
      ofBooks: drizzle.relations(books, ({ one }) => ({
        author: one(authors, { fields: [books.authorId], references: [authors.id] })
      }))
    }
  }),
  v1: () => {
    type Described = { [table: string]: { [name: string]: unknown } }
    type Helpers = { [kind: string]: { [table: string]: (how?: object) => unknown } } & Described
    const define: (tables: object, relations: (r: Helpers) => object) => object = Reflect.get(
      drizzle,
      'defineRelations'
    )
    return {
      relations: define({ authors, books }, r => ({
        authors: { books: r.many?.books?.() },
        books: { author: r.one?.authors?.({ from: r.books?.authorId, to: r.authors?.id }) }
      }))
    }
  }
})

const inOrderOf = (column: typeof books.title | typeof authors.name, name: string) =>
  byLine({ v0: () => asc(column), v1: () => ({ [name]: 'asc' }) })

type Told = (typeof told)['schema']
type Asked = PgDatabase<NeonQueryResultHKT, Told>

async function open(t: Test, options: { logger?: { logQuery(query: string): void } } = {}) {
  const { pool, databaseUrl } = await openPool(t, { max: 2 })
  await administer(TABLES, databaseUrl)
  const db = createDatabase(pool, { ...told, ...options })
  await db.insert(books).values(NOTES)
  return { db, pool, databaseUrl }
}

type Db = Awaited<ReturnType<typeof open>>['db']

/** From the cheapest way to the wire on. */
const PLACES: Record<string, <R>(db: Db, ask: (asked: Asked) => Promise<R>) => Promise<R>> = {
  'a client': (db, ask) => ask(db),
  'a client with claims': (db, ask) => ask(db.$withClaims({ 'app.user_id': 'ada' })),
  'a client that only reads': (db, ask) => ask(db.$withClaims({ 'app.user_id': 'ada' }, { readOnly: true })),
  'a transaction': (db, ask) => db.transaction(ask),
  'a nested transaction': (db, ask) => db.transaction(tx => tx.transaction(ask)),
  'a batch': (db, ask) => db.$batch(each => [ask(each)]).then(([answer]) => answer)
}

const READS: Record<string, { ask: (db: Asked) => Promise<unknown>; answer: unknown }> = {
  'a select, with each type of column': {
    ask: async db => db.select().from(books).where(eq(books.id, 10)),
    answer: [NOTES]
  },
  'a select with a join': {
    ask: async db =>
      db
        .select({ title: books.title, author: { name: authors.name } })
        .from(books)
        .leftJoin(authors, eq(authors.id, books.authorId))
        .orderBy(books.id),
    answer: [
      { title: 'Notes', author: { name: 'Ada' } },
      { title: 'Bugs', author: { name: 'Grace' } }
    ]
  },
  'a union': {
    ask: async db =>
      unionAll(
        db.select({ word: books.title }).from(books).where(eq(books.id, 10)),
        db.select({ word: authors.name }).from(authors).where(eq(authors.id, 1))
      ),
    answer: [{ word: 'Notes' }, { word: 'Ada' }]
  },
  WITH: {
    ask: async db => {
      const cheap = db.$with('cheap').as(db.select().from(books).where(eq(books.price, '12.5')))
      return db.with(cheap).select({ title: cheap.title }).from(cheap)
    },
    answer: [{ title: 'Notes' }]
  },
  'DISTINCT ON': {
    ask: async db => db.selectDistinctOn([books.id], { id: books.id }).from(books).orderBy(books.id),
    answer: [{ id: 10 }, { id: 11 }]
  },
  'a view': {
    ask: async db => db.select().from(titles).orderBy(titles.title),
    answer: [{ title: 'Bugs' }, { title: 'Notes' }]
  },
  'a count': { ask: async db => db.$count(books, eq(books.title, 'Bugs')), answer: 1 },
  'a relational query of many': {
    ask: async db =>
      db.query.authors.findMany({
        with: { books: { columns: { title: true } } },
        orderBy: inOrderOf(authors.name, 'name')
      }),
    answer: [
      { id: 1, name: 'Ada', books: [{ title: 'Notes' }] },
      { id: 2, name: 'Grace', books: [{ title: 'Bugs' }] }
    ]
  },
  'a relational query of one, nested twice': {
    ask: async db =>
      db.query.books.findFirst({
        columns: { title: true },
        with: { author: { with: { books: true } } },
        orderBy: inOrderOf(books.title, 'title'),
        offset: 1
      }),
    answer: { title: 'Notes', author: { id: 1, name: 'Ada', books: [NOTES] } }
  },
  'a relational query of nothing': {
    ask: async db =>
      db.query.books.findFirst({ where: byLine({ v0: () => eq(books.id, 99), v1: () => ({ id: 99 }) }) }),
    answer: undefined
  },
  'SQL of its own': {
    ask: async db => (await db.execute(sql`select title, id from books where id = ${10}`)).rows,
    answer: [{ title: 'Notes', id: 10 }]
  },
  'a prepared statement with a placeholder': {
    ask: async db =>
      db
        .select({ title: books.title })
        .from(books)
        .where(eq(books.id, sql.placeholder('id')))
        .prepare('title_by_id')
        .execute({ id: 11 }),
    answer: [{ title: 'Bugs' }]
  },
  'a prepared relational query': {
    ask: async db =>
      db.query.authors
        .findMany({
          columns: { name: true },
          limit: sql.placeholder('most'),
          orderBy: inOrderOf(authors.name, 'name')
        })
        .prepare('first_authors')
        .execute({ most: 1 }),
    answer: [{ name: 'Ada' }]
  }
}

const NEW = { id: 12, authorId: 2, title: 'New' }
const WRITES: Record<string, { ask: (db: Asked) => Promise<unknown>; answer: unknown; titles: string[] }> = {
  'an insert': {
    ask: async db => db.insert(books).values(NEW).returning({ id: books.id }),
    answer: [{ id: 12 }],
    titles: ['Bugs', 'New', 'Notes']
  },
  'an insert of what is there': {
    ask: async db =>
      db
        .insert(books)
        .values({ ...NEW, id: 10 })
        .onConflictDoUpdate({ target: books.id, set: { title: 'Other' } })
        .returning({ title: books.title }),
    answer: [{ title: 'Other' }],
    titles: ['Bugs', 'Other']
  },
  'an update': {
    ask: async db =>
      db.update(books).set({ title: 'Changed' }).where(eq(books.id, 10)).returning({ title: books.title }),
    answer: [{ title: 'Changed' }],
    titles: ['Bugs', 'Changed']
  },
  'a delete, which answers how many': {
    ask: async db => (await db.delete(books).where(eq(books.id, 10))).rowCount,
    answer: 1,
    titles: ['Bugs']
  },
  'a prepared insert': {
    ask: async db =>
      db
        .insert(books)
        .values({ ...NEW, title: sql.placeholder('title') })
        .returning({ title: books.title })
        .prepare('new_book')
        .execute({ title: 'Given' }),
    answer: [{ title: 'Given' }],
    titles: ['Bugs', 'Given', 'Notes']
  }
}

for (const [place, run] of Object.entries(PLACES)) {
  t.test(`in ${place}`, async t => {
    const { db } = await open(t)

    for (const [title, { ask, answer }] of Object.entries(READS))
      await t.test(`${title} is answered`, async t => {
        t.strictSame(await run(db, ask), answer)
        // Once more, and often enough that it has a name of its own.
        for (let times = 0; times < 6; times += 1) await run(db, ask)
        t.strictSame(await run(db, ask), answer)
      })

    if (place === 'a client that only reads') return
    for (const [title, { ask, answer, titles }] of Object.entries(WRITES))
      await t.test(`${title} is answered and stored`, async t => {
        const { db, databaseUrl } = await open(t)

        t.strictSame(await run(db, ask), answer)
        const rows = await administer('select title from books order by title', databaseUrl)
        t.strictSame(
          rows.map(({ title }) => title),
          titles
        )
      })
  })
}

t.test('a materialized view shows what there was when it was refreshed last', async t => {
  const { db } = await open(t)
  const seen = () => db.select().from(kept).orderBy(kept.title)

  t.strictSame(await seen(), [{ title: 'Bugs' }])
  await db.refreshMaterializedView(kept)
  t.strictSame(await seen(), [{ title: 'Bugs' }, { title: 'Notes' }])
  await db.delete(books)
  await db.transaction(tx => tx.refreshMaterializedView(kept))
  t.strictSame(await seen(), [])
})

t.test('several statements in one text are answered one by one', async t => {
  const { db } = await open(t)

  const answers: unknown = await db.execute('select 1 as one; select 2 as two')

  t.match(answers, [{ rows: [{ one: 1 }] }, { rows: [{ two: 2 }] }])
})

t.test('what 1.0 alone has', { skip: isLine1() ? false : 'it is not 1.0' }, async t => {
  t.test('SQL of its own in the shape that is asked for', async t => {
    const { db } = await open(t)
    const ask = (asked: Asked, mode?: string): PromiseLike<unknown> =>
      Reflect.apply(asked.execute, asked, [sql`select ${1}::int as one`, mode])

    for (const run of Object.values(PLACES)) {
      t.strictSame(await run(db, async asked => ask(asked, 'arrays')), [[1]])
      t.strictSame(await run(db, async asked => ask(asked, 'objects')), [{ one: 1 }])
      t.match(await run(db, async asked => ask(asked)), { rows: [{ one: 1 }], rowCount: 1 })
    }
  })

  t.test('a prepared statement that names itself', async t => {
    const { db } = await open(t)
    const query = db
      .select({ title: books.title })
      .from(books)
      .where(eq(books.id, sql.placeholder('id')))
    const prepared: ReturnType<typeof query.prepare> = Reflect.apply(query.prepare, query, [])

    const titles = await Promise.all(Array.from({ length: 20 }, () => prepared.execute({ id: 10 })))

    t.strictSame(titles, Array(20).fill([{ title: 'Notes' }]))
  })
})

t.test('a client that is told of no tables has none in `query`', async t => {
  const { pool } = await openPool(t)

  t.strictSame(Object.keys(createDatabase(pool).query), [])
  t.strictSame(Object.keys(createDatabase(pool, toldOf({ books })).query), ['books'])
})
