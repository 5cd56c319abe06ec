import { inspect } from 'node:util'
import { eq, sql } from 'drizzle-orm'
import * as pg from 'drizzle-orm/pg-core'
import { customType, pgTable, text } from 'drizzle-orm/pg-core'
import t, { type Test } from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { verifyConnectionUrl } from '../../src/connection-string/connection-url.ts'
import { createDatabase as createDrizzle } from '../../src/drizzle/database.ts'
import { NeonPool, POOL_DEFAULTS } from '../../src/pool/pool.ts'
import { byLine, isLine1, toldOf } from '../support/line.ts'

const SECRET = 'row-content-4711'

const brittle = customType<{ data: string }>({
  dataType: () => 'text',
  fromDriver() {
    throw new RangeError('cannot be mapped')
  }
})
const notes = pgTable('notes', { body: text('body').unique(), extra: brittle('extra') })
const missing = pgTable('missing', { body: text('body') })

async function open(t: Test, options: object = {}) {
  const url = await createDatabase(t, { migrated: false })
  await administer('create table notes (body text unique, extra text)', url)
  const { connection } = verifyConnectionUrl(url)
  if (!connection) throw new Error('no valid URL')
  const pool = new NeonPool({ ...POOL_DEFAULTS, max: 1, url: connection, applicationName: 'session-test' })
  t.teardown(() => pool.end())
  return { db: createDrizzle(pool, { ...toldOf({ notes, missing }), ...options }), pool, url }
}

type Drizzle = Awaited<ReturnType<typeof open>>['db']

t.test('a Drizzle client takes the settings of Drizzle', async t => {
  const { pool } = await open(t)
  const logged: string[] = []
  // The tables of 1.0 say themselves how columns are named.
  const people = byLine({
    v0: () => pgTable('people', { firstName: text() }),
    v1: () => Reflect.get(pg, 'snakeCase').table('people', { firstName: text() })
  })
  const casing = byLine({ v0: () => ({ casing: 'snake_case' as const }), v1: () => ({ jit: true }) })
  const find = (db: ReturnType<typeof createDrizzle>) =>
    db
      .select()
      .from(people)
      .catch(() => {})
  const printed = t.capture(console, 'log')

  await find(createDrizzle(pool, { ...casing, logger: { logQuery: query => logged.push(query) } }))
  await find(createDrizzle(pool, { logger: true }))

  t.strictSame(logged, ['select "first_name" from "people"'])
  t.match(printed(), [{ args: [isLine1() ? /"first_name" from "people"/ : /"firstName" from "people"/] }])
})

async function failureOf(work: PromiseLike<unknown>): Promise<Error> {
  return work.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: Error) => error
  )
}

const isSecret = () => byLine({ v0: () => eq(missing.body, SECRET), v1: () => ({ body: SECRET }) })

/** Each way in which Drizzle sends a statement. */
const STATEMENTS: Record<string, (db: Drizzle) => PromiseLike<unknown>> = {
  'an insert': db => db.insert(notes).values({ body: SECRET }),
  'a select': db => db.select().from(missing).where(eq(missing.body, SECRET)),
  'an update': db => db.update(missing).set({ body: SECRET }),
  'a delete': db => db.delete(missing).where(eq(missing.body, SECRET)),
  'a relational query': db => db.query.missing.findMany({ where: isSecret() }),
  'a count': db => db.$count(missing, eq(missing.body, SECRET)),
  'SQL of its own': db => db.execute(sql`select ${SECRET}::int`),
  'a prepared statement': db =>
    db
      .select()
      .from(missing)
      .where(eq(missing.body, sql.placeholder('body')))
      .prepare('by_body')
      .execute({ body: SECRET }),
  'a transaction': db => db.transaction(tx => tx.insert(notes).values({ body: SECRET })),
  'a savepoint': db =>
    db.transaction(tx => tx.transaction(inner => inner.insert(notes).values({ body: SECRET })))
}

t.test('a statement that fails', async t => {
  for (const [title, statement] of Object.entries(STATEMENTS)) {
    t.test(`in ${title} throws a failure that shows no parameter, row or statement`, async t => {
      const { db } = await open(t)
      await db.insert(notes).values({ body: SECRET })

      const error = await failureOf(statement(db))

      t.match(error, { name: 'DatabaseFailure', code: /^FST_NEON_/, sqlState: /^\w{5}$/ })
      t.notMatch(inspect(error, { depth: 9 }) + JSON.stringify(error), new RegExp(`${SECRET}|select|insert`))
    })
  }

  t.test('still says in its cause which constraint it met, and in its stack who sent it', async t => {
    const { db } = await open(t, byLine({ v0: () => ({}), v1: () => ({ paramsInErrors: true }) }))
    await db.insert(notes).values({ body: SECRET })

    async function sendTwice() {
      await db.insert(notes).values({ body: SECRET })
    }
    const error = await failureOf(sendTwice())

    t.match(error, { code: 'FST_NEON_CONFLICT', cause: { code: '23505', constraint: 'notes_body_key' } })
    t.match(error.stack, 'sendTwice')
    t.match(error, { original: { query: /^insert/, params: [SECRET] } })
  })

  t.test('after it was answered, in our own code, throws what was thrown', async t => {
    const { db } = await open(t)
    await db.insert(notes).values({ body: 'x', extra: 'x' })

    await t.rejects(db.select().from(notes), { name: 'RangeError' })
  })
})

t.test('an object with connections', async t => {
  t.test('prints what is known of it and nothing else', async t => {
    const { db, pool, url } = await open(t)
    const client = await pool.connect()
    const { password } = new URL(url)
    const pools = { type: 'NeonPool', max: 1, total: 1, idle: 0, waiting: 0 }

    t.strictSame(JSON.parse(JSON.stringify({ db, pool, client })), {
      db: { type: 'NeonDatabase', pool: pools },
      pool: pools,
      client: { type: 'NeonClient', transaction: 'idle' }
    })
    t.match(inspect(db), "type: 'NeonDatabase'")
    for (const object of [db, pool, client]) t.notOk(inspect(object, { depth: 9 }).includes(password))
    client.release()
  })

  t.test('prints no password within a transaction', async t => {
    const { db, url } = await open(t)
    const { password } = new URL(url)

    await db.transaction(async tx => {
      await tx.execute(sql`select 1`)
      t.notOk(inspect(tx, { depth: 12 }).includes(password))
    })
  })
})
