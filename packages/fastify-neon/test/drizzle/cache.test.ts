import { inspect } from 'node:util'
import { eq } from 'drizzle-orm'
import { Cache } from 'drizzle-orm/cache/core'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import t, { type Test } from 'tap'
import { administer } from '../../../../test/support/postgres.ts'
import { createDatabase } from '../../src/drizzle/database.ts'
import { toldOf } from '../support/line.ts'
import { openPool } from '../support/pools.ts'

const words = pgTable('words', { id: integer('id').primaryKey(), word: text('word') })

/** Keeps everything, and forgets everything when a table changes. */
class Kept extends Cache {
  readonly #kept = new Map<string, unknown>()
  readonly removed: unknown[] = []
  isDown = false

  strategy() {
    return 'all' as const
  }

  async get(key: string) {
    return this.#kept.get(key) as never
  }

  async put(key: string, rows: unknown) {
    this.#kept.set(key, rows)
  }

  async onMutate({ tables }: { tables?: unknown }) {
    if (this.isDown) throw new Error('the cache is down')
    this.#kept.clear()
    this.removed.push(tables)
  }

  get size() {
    return this.#kept.size
  }
}

async function open(t: Test) {
  const { pool, databaseUrl } = await openPool(t, { max: 2 })
  await administer(
    "create table words (id int primary key, word text); insert into words values (1, 'one')",
    databaseUrl
  )
  const cache = new Kept()
  const db = createDatabase(pool, { ...toldOf({ words }), cache })
  const change = () => administer("update words set word = 'changed'", databaseUrl)
  const wordIn = async (asked: Pick<typeof db, 'select'>) => (await asked.select().from(words))[0]?.word
  return { db, cache, change, wordIn, alice: db.$withClaims({ 'app.user_id': 'alice' }) }
}

t.test('a cache of Drizzle', async t => {
  t.test('answers a query that was asked before, until a table of it is written to', async t => {
    const { db, cache, change, wordIn } = await open(t)

    t.equal(await wordIn(db), 'one')
    await change()
    t.equal(await wordIn(db), 'one', 'from the cache')
    await db.insert(words).values({ id: 2, word: 'two' })
    t.equal(await wordIn(db), 'changed')
    t.strictSame(cache.removed, [['words']])
    await change()
    await db.$cache.invalidate({ tables: words })
    t.equal(cache.size, 0)
  })

  t.test('is not asked for a user, and keeps nothing that a user has read', async t => {
    const { db, cache, change, wordIn, alice } = await open(t)
    await wordIn(db)
    await change()

    t.equal(await wordIn(alice), 'changed')
    t.equal((await alice.select().from(words).$withCache())[0]?.word, 'changed')
    t.equal(cache.size, 1)
    await alice.update(words).set({ word: 'of alice' })
    t.equal(cache.size, 0, 'but what alice writes is removed from it')
  })

  t.test(
    'keeps nothing that a transaction has read, and forgets what it wrote to when it has ended',
    async t => {
      const { db, cache, change, wordIn } = await open(t)
      await wordIn(db)
      await change()

      await db.transaction(async tx => {
        t.equal(await wordIn(tx), 'changed')
        await tx.update(words).set({ word: 'in between' })
        await tx.transaction(inner => inner.insert(words).values({ id: 2 }))
        t.equal((await tx.select().from(words).where(eq(words.id, 1)).$withCache())[0]?.word, 'in between')
        t.strictSame(cache.removed, [], 'nobody else sees it yet')
        t.equal(await wordIn(db), 'one')
      })
      t.strictSame(cache.removed, [['words'], ['words']])
      t.equal(await wordIn(db), 'in between')
    }
  )

  t.test('keeps nothing that a batch has read, and forgets what it wrote to when it has ended', async t => {
    const { db, cache, wordIn } = await open(t)
    await wordIn(db)

    const [, read] = await db.$batch(each => [
      each.update(words).set({ word: 'batched' }),
      each.select().from(words).$withCache()
    ])

    t.equal(read[0]?.word, 'batched')
    t.strictSame(cache.removed, [['words']])
    t.equal(await wordIn(db), 'batched')
  })

  t.test('fails no statement that was carried out, and warns of what it could not remove', async t => {
    const { db, cache } = await open(t)
    cache.isDown = true
    const warned = new Promise<Error>(resolve => process.once('warning', resolve))

    t.equal((await db.update(words).set({ word: 'stored' })).rowCount, 1)
    await db.transaction(tx => tx.update(words).set({ word: 'stored too' }))

    t.match(await warned, { message: 'the cache is down' })
  })

  t.test('leaves the failure of a statement as it is without one', async t => {
    const { db } = await open(t)

    const error = await db
      .insert(words)
      .values({ id: 1, word: 'secret-4711' })
      .catch((error: unknown) => error)

    t.match(error, { name: 'DatabaseFailure', code: 'FST_NEON_CONFLICT', sqlState: '23505' })
    t.notMatch(inspect(error, { depth: 9 }), /secret-4711|insert/)
  })
})
