/**
 * What one user leaves behind when things go wrong, at each point of a transaction: the next user on the
 * same session of the server must find nothing of it.
 */
import { sql } from 'drizzle-orm'
import t from 'tap'
import {
  type ClaimedDatabase,
  createDatabase,
  type Tables
} from '../../packages/fastify-neon/src/drizzle/database.ts'
import { openPool } from '../../packages/fastify-neon/test/support/pools.ts'
import { breakLink, loseAt, type Wire } from '../../packages/fastify-neon/test/support/wire.ts'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { tasks } from '../../src/db/schema/tasks.ts'
import { randomnessOf } from '../reliability/support/randomness.ts'
import { createServiceDatabase } from '../reliability/support/service.ts'
import { administer } from '../support/postgres.ts'

// More among the soak tests, and a thousand with `npm run isolation`.
const ROUNDS = Number(process.env.ISOLATION_ROUNDS ?? 60)
const POOL_SIZES = [1, 2, 3]
const STATEMENTS = 3

/** What goes wrong: at a statement of the work, or, for a lost link, at any message from BEGIN to COMMIT. */
const HARMS = [
  'throw',
  'error',
  'hidden error',
  'abort',
  'abort under way',
  'timeout',
  'savepoint',
  'own end',
  'link before a message',
  'link behind a message',
  'reset by the other end'
] as const
type Harm = (typeof HARMS)[number]

type User = ClaimedDatabase<Tables>
type Transaction = Parameters<Parameters<User['transaction']>[0]>[0]

const SLEEP = sql`select pg_sleep(10)`
const LOOK = sql`
  select pg_backend_pid() as pid, current_user::text as role, app.user_id() as claim,
    array(select distinct owner from tasks) as owners`

interface Sight extends Record<string, unknown> {
  pid: number
  role: string
  claim: string | null
  owners: string[]
}

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })

for (const max of POOL_SIZES) {
  const rounds = Math.ceil(ROUNDS / POOL_SIZES.length)

  t.test(`H13 what a user leaves on a pool of ${max}, in ${rounds} rounds`, async t => {
    const random = randomnessOf(max)
    const limits = { max, statementTimeoutMs: 5000, heartbeatIntervalMs: 60_000 }
    const { pool, databaseUrl } = await openPool(t, limits, await createServiceDatabase(neon))
    const db = createDatabase(pool, { role: 'app_user' })
    const alice = db.$withClaims({ 'app.user_id': 'alice' })
    const bob = db.$withClaims({ 'app.user_id': 'bob' })
    await bob.insert(tasks).values({ owner: 'bob', title: 'of bob' })
    const told: Record<string, number> = {}
    let followed = 0

    for (let round = 0; round < rounds; round += 1) {
      const harm = random.oneOf(HARMS)
      const at = random.between(0, STATEMENTS - 1)
      const pids = new Set<number>()
      const outcome = await suffer(harm, at, pids)
      told[outcome] = (told[outcome] ?? 0) + 1

      const sights = await Promise.all(sideBySide(bob, max))
      const nobody = await db.execute<Sight>(LOOK)
      const clean = sights.every(
        ({ role, claim, owners }) => role === 'app_user' && claim === 'bob' && owners.join() === 'bob'
      )
      if (!clean) t.fail(`${harm} at ${at}: ${JSON.stringify(sights)}`)
      if (nobody.rows[0]?.claim !== null || nobody.rows[0].owners.length > 0)
        t.fail(`${harm} at ${at}: ${JSON.stringify(nobody.rows)}`)
      if (sights.some(({ pid }) => pids.has(pid))) followed += 1
    }

    t.comment(JSON.stringify({ told, followed, connects: pool.stats().connects }))
    t.ok(followed > rounds / 4, `${followed} times on the session that alice had`)
    const [row] = await administer("select count(*)::int as n from tasks where owner = 'alice'", databaseUrl)
    const { committed = 0, FST_NEON_COMMIT_OUTCOME_UNKNOWN: unknown = 0 } = told
    const kept = Number(row?.n) / STATEMENTS
    t.ok(kept >= committed && kept <= committed + unknown, `${kept} of her transactions were kept`)
    t.equal(pool.stats().checkedOut, 0)

    async function suffer(harm: Harm, at: number, pids: Set<number>): Promise<string> {
      const abort = new AbortController()
      if (harm.startsWith('link')) {
        // The first piece has BEGIN and a statement, the last one is COMMIT.
        const piece = random.between(0, 2 * STATEMENTS)
        const side = harm === 'link behind a message' ? 'behind' : 'before'
        pool.once('acquire', (client: Wire) => loseAt(client, piece, side, () => breakLink(client)))
      }
      const options = { signal: abort.signal, ...(harm === 'timeout' && { timeoutMs: 60 }) }
      const work = alice.transaction(async tx => {
        for (let statement = 0; statement < STATEMENTS; statement += 1) {
          await tx.insert(tasks).values({ owner: 'alice', title: harm })
          const { rows } = await tx.execute<Sight>(LOOK)
          if (rows[0]) pids.add(rows[0].pid)
          if (statement === at) await strike(tx)
        }
      }, options)
      return work.then(
        () => 'committed',
        error => error.code ?? error.message
      )

      async function strike(tx: Transaction) {
        switch (harm) {
          case 'throw':
            throw new Error('business')
          case 'error':
            return tx.execute(sql`select 1 / 0`)
          case 'hidden error':
            return tx.execute(sql`select 1 / 0`).catch(() => {})
          case 'abort':
            return abort.abort()
          case 'abort under way':
            setImmediate(() => abort.abort())
            return tx.execute(SLEEP)
          case 'timeout':
            return tx.execute(SLEEP)
          case 'savepoint':
            return tx.transaction(async inner => {
              await inner.execute(LOOK)
              throw new Error('business')
            })
          case 'own end':
            return tx.execute(sql`rollback`)
          case 'reset by the other end':
            setImmediate(() => neon.inject({ type: 'reset', where: { applicationName: 'pool-test' } }))
            return tx.execute(SLEEP)
        }
      }
    }

    /** What a user sees in so many transactions that are open at once, so on as many sessions. */
    function sideBySide(user: User, count: number): Promise<Sight>[] {
      let arrive = () => {}
      let left = count
      const allIn = new Promise<void>(resolve => {
        arrive = () => {
          left -= 1
          if (left === 0) resolve()
        }
      })
      return Array.from({ length: count }, () =>
        user.transaction(async tx => {
          const { rows } = await tx.execute<Sight>(LOOK)
          arrive()
          await allIn
          return rows[0] as Sight
        })
      )
    }
  })
}
