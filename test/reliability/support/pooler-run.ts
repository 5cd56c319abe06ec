/**
 * Users with all kinds of requests through a real PgBouncer over few sessions, while its sessions are killed and
 * replaced, tables change and statements are cancelled; then, whether each was told the truth.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { verifyConnectionUrl } from '../../../packages/fastify-neon/src/connection-string/connection-url.ts'
import { createDatabase } from '../../../packages/fastify-neon/src/drizzle/database.ts'
import { toFailure } from '../../../packages/fastify-neon/src/errors/failure.ts'
import { NeonPool, POOL_DEFAULTS } from '../../../packages/fastify-neon/src/pool/pool.ts'
import { leftoversOf } from '../../../packages/fastify-neon/test/support/leftovers.ts'
import { tasks } from '../../../src/db/schema/tasks.ts'
import { openPooler, type Pooler, type PoolerOptions } from '../../support/pooler.ts'
import { administer } from '../../support/postgres.ts'
import { judge, type Outcome, type Row, type Sight, type Write } from './history.ts'
import { type Randomness, randomnessOf } from './randomness.ts'

export interface PoolerRunOptions extends Pick<PoolerOptions, 'auth' | 'maxPreparedStatements'> {
  /** It lasts longer where not every attack has happened, or not every kind of request was served, by then. */
  seconds: number
  seed: number
  /** Of an empty database with all tables, on the direct host. */
  url: string
  /** Ends what the run has opened. */
  teardown: (end: () => unknown) => void
}

export interface PoolerReport {
  requests: number
  failed: number
  /** Answers of another statement, or with other values than were asked for. */
  wrong: number
  /** Shown to, or stored for, another user. */
  foreign: number
  /** Acknowledged and not stored. */
  lost: number
  /** Stored although it failed, or twice. */
  phantom: number
  /** What is left on sessions, and transactions and clients that are still out. */
  left: number
  /** Requests that got no answer in time. */
  hung: number
  /** Kinds of request of which not one was served. */
  neverServed: string[]
}

const USERS = Array.from({ length: 20 }, (_, index) => `user-${index}`)
const SESSIONS = 3
const PODS = 2
// Longer than any deadline of the pool.
const HUNG_MS = 60_000
const PATIENCE_MS = 20_000
const COME_BACK_MS = 20

const LIMITS = { ...POOL_DEFAULTS, max: 5, statementTimeoutMs: 2000, transactionTimeoutMs: 10_000 }
// Of a pool whose statements take longer than they may.
const HASTY_LIMITS = { ...LIMITS, max: 1, statementTimeoutMs: 150 }

type Pod = ReturnType<typeof openPod>
type Work = (actor: Actor) => Promise<void>

/** What a request does as its user, and what it remembers. */
interface Actor {
  user: string
  db: Pod['db']
  /** The client of a pool whose statements have little time. */
  hasty: Pod['db']
  pool: NeonPool
  random: Randomness
  /** Runs a write of one title, and remembers what its user was told of it. */
  write(title: string, work: () => PromiseLike<unknown>): Promise<void>
  /** Rows that this user was shown. */
  see(rows: readonly { owner: string; title?: string }[]): void
  /** An answer that must be this. */
  expect(isRight: boolean): void
}

// A session whose client is gone ends with its statement, and none is allowed as much.
const ENDED_MS = 15_000

/** What is there still when all had the time to end. */
async function remaining<T>(read: () => Promise<T[]>): Promise<T[]> {
  const end = performance.now() + ENDED_MS
  for (;;) {
    const found = await read()
    if (found.length === 0 || performance.now() > end) return found
    await sleep(COME_BACK_MS)
  }
}

export async function runPooler(options: PoolerRunOptions): Promise<PoolerReport> {
  const { seconds, seed, url, teardown, ...how } = options
  const pooler = await openPooler({ teardown }, { poolSize: SESSIONS, server: url, ...how })
  const open = (limits: typeof LIMITS) => openPod(pooler.through(url), limits)
  const pods = Array.from({ length: PODS }, () => open(LIMITS))
  const hasty = open(HASTY_LIMITS)
  const all = [...pods, hasty]
  for (const { pool } of all) teardown(() => pool.end())
  const neverServed = new Set(Object.keys(REQUESTS))
  const count = { requests: 0, failed: 0, wrong: 0, hung: 0, foreign: 0 }
  const writes: Write[] = []
  const sights: Sight[] = []
  const over = new AbortController()
  await administer('create table changing (owner text, n int); grant all on changing to app_user', url)

  const workers = USERS.map((user, index) => worker(user, index, randomnessOf(seed + 1 + index)))
  const end = performance.now() + seconds * 1000
  const isOver = () =>
    performance.now() > end && (neverServed.size === 0 || performance.now() > end + PATIENCE_MS)
  try {
    await attack({ pooler, url, random: randomnessOf(seed), isOver })
  } finally {
    over.abort()
    await Promise.all(workers)
  }
  for (const { pool } of all) await pool.end()

  const rows = await administer('select owner, title from tasks', url)
  const { lost, phantom, foreign } = judge(writes, rows.map(rowOf), sights)
  const transactions = await remaining(() => administer(OPEN_TRANSACTIONS, url))
  const left = (await leftoversOf(pooler.through(url), SESSIONS)).length + transactions.length + heldOf(all)
  return { ...count, lost, phantom, foreign: foreign + count.foreign, left, neverServed: [...neverServed] }

  async function worker(user: string, index: number, random: Randomness) {
    while (!over.signal.aborted) {
      const pod = pods[index % pods.length] ?? pods[0]
      if (pod === undefined) return
      const actor = actorOf(user, random, pod)
      const kinds = Object.entries(REQUESTS)
      const missing = kinds.filter(([name]) => neverServed.has(name))
      const [kind, work] = random.oneOf(missing.length > 0 && random.isOneIn100(20) ? missing : kinds)
      count.requests += 1
      const done = work(actor).then(
        () => 'done',
        () => 'failed'
      )
      const limit = new AbortController()
      const late = sleep(HUNG_MS, 'hung', { signal: limit.signal }).catch(() => 'done')
      const outcome = await Promise.race([done, late])
      limit.abort()
      if (outcome === 'done') neverServed.delete(kind)
      if (outcome === 'failed') {
        count.failed += 1
        // A pool that refuses at once would leave no time for anything else.
        await sleep(COME_BACK_MS)
      }
      if (outcome === 'hung') count.hung += 1
    }
  }

  function actorOf(user: string, random: Randomness, { db, pool }: Pod): Actor {
    return {
      user,
      db,
      hasty: hasty.db,
      pool,
      random,
      async write(title, work) {
        const write: Write = { user, title, outcome: 'unknown' }
        writes.push(write)
        try {
          await work()
          write.outcome = 'acknowledged'
        } catch (error) {
          write.outcome = outcomeOf(error)
          throw error
        }
      },
      see(rows) {
        for (const { owner, title } of rows) {
          if (owner !== user) count.foreign += 1
          if (title !== undefined) sights.push({ user, title })
        }
      },
      expect(isRight) {
        if (!isRight) count.wrong += 1
      }
    }
  }
}

function openPod(url: string, limits: typeof LIMITS) {
  const { connection } = verifyConnectionUrl(url)
  if (!connection) throw new Error('no valid URL')
  const pool = new NeonPool({ ...limits, applicationName: 'pooler-run', url: connection })
  return { pool, db: createDatabase(pool, { schema: { tasks }, role: 'app_user' }) }
}

const as = ({ db, user }: Actor, readOnly = false) => db.$withClaims({ 'app.user_id': user }, { readOnly })
const COLUMNS = { owner: tasks.owner, title: tasks.title }
const inserted = (actor: Actor, title: string) => ({ owner: actor.user, title })

class Undo extends Error {}

/** Each is a kind of request. */
const REQUESTS: Record<string, Work> = {
  'a list': async actor => actor.see(await as(actor, true).select(COLUMNS).from(tasks).limit(20)),
  'a list of an owner who may write': async actor =>
    actor.see(await as(actor).select(COLUMNS).from(tasks).limit(5)),
  'a relational query': async actor => actor.see(await as(actor, true).query.tasks.findMany({ limit: 5 })),
  'a statement with a name of the caller': async actor =>
    actor.see(await as(actor, true).select(COLUMNS).from(tasks).limit(1).prepare('first_task').execute()),
  'the claim of a user': async actor => {
    const { rows } = await as(actor, true).execute(sql`select current_setting('app.user_id', true) as claim`)
    actor.expect(rows[0]?.claim === actor.user)
  },
  'no claim where there is no user': async actor => {
    const { rows } = await actor.pool.query(
      `select nullif(current_setting('app.user_id', true), '') as claim`
    )
    actor.expect(rows[0]?.claim === null)
  },
  'a value': async actor => {
    const n = actor.random.between(1, 1_000_000)
    const { rows } = await actor.pool.query('select $1::int as n', [n])
    actor.expect(rows[0]?.n === n)
  },
  'a text of many': async actor => {
    const n = actor.random.between(1, 200)
    const { rows } = await actor.pool.query(`select ${n} as n, $1::text as who`, [actor.user])
    actor.expect(rows[0]?.n === n && rows[0]?.who === actor.user)
  },
  'a query with a name of the caller': async actor => {
    const { rows } = await actor.pool.query({
      name: 'own',
      text: 'select $1::text as own',
      values: [actor.user]
    })
    actor.expect(rows[0]?.own === actor.user)
  },
  'an insert': async actor => {
    const title = randomUUID()
    await actor.write(title, () => as(actor).insert(tasks).values(inserted(actor, title)))
  },
  'an insert with its row': async actor => {
    const title = randomUUID()
    await actor.write(title, async () =>
      actor.see(await as(actor).insert(tasks).values(inserted(actor, title)).returning(COLUMNS))
    )
  },
  'a transaction': async actor => {
    const title = randomUUID()
    await actor.write(title, () =>
      as(actor).transaction(async tx => {
        await tx.insert(tasks).values(inserted(actor, title))
        actor.see(await tx.select(COLUMNS).from(tasks).limit(3))
      })
    )
  },
  'a serializable transaction': async actor => {
    const title = randomUUID()
    await actor.write(title, () =>
      as(actor).transaction(tx => tx.insert(tasks).values(inserted(actor, title)), {
        retry: 2,
        isolationLevel: 'serializable'
      })
    )
  },
  'a nested transaction that is undone': async actor => {
    const title = randomUUID()
    await actor.write(title, () =>
      as(actor).transaction(async tx => {
        await tx.insert(tasks).values(inserted(actor, title))
        await tx
          .transaction(async nested => {
            await nested.insert(tasks).values(inserted(actor, `undone ${title}`))
            throw new Undo()
          })
          .catch(ignoreUndo)
      })
    )
  },
  'a batch': async actor => {
    const title = randomUUID()
    await actor.write(title, () =>
      as(actor).$batch(db => [
        db.insert(tasks).values(inserted(actor, title)),
        db.select(COLUMNS).from(tasks).limit(3)
      ])
    )
  },
  'a batch that only reads': async actor => {
    const [rows] = await as(actor, true).$batch(db => [db.select(COLUMNS).from(tasks).limit(3)])
    actor.see(rows)
  },
  'a transaction that only reads': async actor =>
    actor.see(
      await as(actor).transaction(tx => tx.select(COLUMNS).from(tasks).limit(3), { accessMode: 'read only' })
    ),
  'a transaction that is undone': async actor => {
    await as(actor)
      .transaction(async tx => {
        await tx.insert(tasks).values(inserted(actor, `undone ${randomUUID()}`))
        throw new Undo()
      })
      .catch(ignoreUndo)
  },
  // What the policies refuse.
  'an insert for another user': async actor => {
    const other = actor.random.oneOf(USERS.filter(user => user !== actor.user))
    const outcome = await as(actor)
      .insert(tasks)
      .values({ owner: other, title: `stolen ${randomUUID()}` })
      .then(
        () => 'stored',
        () => 'refused'
      )
    actor.expect(outcome === 'refused')
  },
  'a write that only reads': async actor => {
    const refused = await as(actor, true)
      .execute(sql`delete from tasks`)
      .then(
        () => false,
        () => true
      )
    actor.expect(refused)
  },
  // What is cancelled: by its signal, and by its deadline.
  'a transaction that is cancelled': async actor => {
    const title = `cancelled ${randomUUID()}`
    const signal = AbortSignal.timeout(actor.random.between(1, 60))
    const writing = actor.write(title, () =>
      as(actor).transaction(
        async tx => {
          await tx.insert(tasks).values(inserted(actor, title))
          await tx.execute(sql`select pg_sleep(0.05)`)
        },
        { signal }
      )
    )
    await writing.catch(() => {})
  },
  'a statement that is cancelled': async actor => {
    const signal = AbortSignal.timeout(20)
    await refused(as(actor).transaction(tx => tx.execute(sql`select pg_sleep(1)`), { signal }))
  },
  'a read that takes longer than it may': async ({ hasty, user }) => {
    const reading = hasty.$withClaims({ 'app.user_id': user }, { readOnly: true })
    await refused(reading.execute(sql`select pg_sleep(1)`))
  },
  'a batch that takes longer than it may': async actor => {
    const title = `late ${randomUUID()}`
    const writing = actor.hasty.$withClaims({ 'app.user_id': actor.user })
    await refused(
      actor.write(title, () =>
        writing.$batch(db => [
          db.insert(tasks).values(inserted(actor, title)),
          db.execute(sql`select pg_sleep(1)`)
        ])
      )
    )
  },
  'a write of a table that changes': async actor => {
    const n = actor.random.between(1, 1000)
    await as(actor).execute(sql`insert into changing (owner, n) values (${actor.user}, ${n})`)
  },
  'a read of a table that changes': async actor => {
    const { rows } = await as(actor, true).execute(
      sql`select * from changing where owner = ${actor.user} order by n limit 3`
    )
    actor.expect(rows.every(({ owner }) => owner === actor.user))
  },
  'what drops all names': async actor => {
    await actor.pool.query(actor.random.oneOf(['deallocate all', 'discard all']))
  }
}

/** Resolves when the work fails, which it does unless it is quicker than the machine. */
function refused(work: PromiseLike<unknown>): Promise<void> {
  return Promise.resolve(work).then(
    () => {
      throw new Error('was not refused')
    },
    () => {}
  )
}

interface Attacking {
  pooler: Pooler
  url: string
  random: Randomness
  isOver: () => boolean
}

const KILL_ONE = `select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
  order by random() limit 1`

/** Each attack once, in any order, and again until it is over. Nothing is wrong any more at the end. */
async function attack({ pooler, url, random, isOver }: Attacking) {
  const database = new URL(url).pathname.slice(1)
  const changes = [
    () => 'alter table tasks alter title type varchar(200)',
    () => 'alter table tasks alter title type text',
    () => `alter table changing add column if not exists c${random.between(1, 5)} int`,
    () => `alter table changing drop column if exists c${random.between(1, 5)}`,
    () => 'alter table changing alter n type bigint',
    () => 'alter table changing alter n type int'
  ]
  const change = () => administer(`set lock_timeout = 1000; ${random.oneOf(changes)()}`, url).catch(() => {})
  const attacks: (() => Promise<unknown>)[] = [
    () => administer(KILL_ONE, url),
    () => administer(KILL_ONE, url),
    change,
    change,
    () => pooler.command('RECONNECT'),
    async () => {
      await pooler.command(`PAUSE ${database}`)
      await pooler.command(`RESUME ${database}`)
    },
    async () => {
      await pooler.stop()
      await pooler.start()
    },
    async () => {
      await pooler.command(`KILL ${database}`)
      // PgBouncer 1.24.1 may crash at any moment after KILL, so it is restarted behind it.
      await pooler.command(`RESUME ${database}`).catch(() => {})
      await sleep(random.between(50, 400))
      await pooler.stop()
      await pooler.start()
    }
  ]
  do {
    const left = [...attacks]
    while (left.length > 0) {
      await sleep(random.between(50, 400))
      for (const act of left.splice(random.between(0, left.length - 1), 1)) await act()
    }
  } while (!isOver())
}

function outcomeOf(error: unknown): Outcome {
  return toFailure(error, 'statement').kind === 'commitOutcomeUnknown' ? 'unknown' : 'failed'
}

function ignoreUndo(error: unknown) {
  if (!(error instanceof Undo)) throw error
}

function rowOf({ owner, title }: Record<string, unknown>): Row {
  return { owner: String(owner), title: String(title) }
}

function heldOf(pods: readonly { pool: NeonPool }[]): number {
  return pods.reduce((sum, { pool }) => sum + pool.stats().checkedOut, 0)
}

const OPEN_TRANSACTIONS = `select 1 from pg_stat_activity where datname = current_database()
  and backend_type = 'client backend' and xact_start is not null and pid <> pg_backend_pid()`
