/**
 * Users with all kinds of requests through a real PgBouncer over few sessions, while its sessions are killed and
 * replaced, tables change and statements are cancelled; then, whether each was told the truth.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { tasks } from '../../src/db/schema/tasks.ts'
import { verifyConnectionUrl } from '../../src/neon/connection-url.ts'
import { createDatabase } from '../../src/neon/database.ts'
import { toFailure } from '../../src/neon/failure.ts'
import { NeonPool, POOL_DEFAULTS } from '../../src/neon/pool.ts'
import { leftoversOf } from '../neon/leftovers.ts'
import { openPooler, type Pooler } from '../pooler.ts'
import { administer } from '../postgres.ts'
import { judge, type Outcome, type Row, type Sight, type Write } from './history.ts'
import { type Randomness, randomnessOf } from './randomness.ts'

export interface PoolerRunOptions {
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
}

const USERS = Array.from({ length: 20 }, (_, index) => `user-${index}`)
const SESSIONS = 3
const PODS = 2
// Longer than any deadline of the pool.
const HUNG_MS = 60_000

const LIMITS = { ...POOL_DEFAULTS, max: 5, statementTimeoutMs: 2000, transactionTimeoutMs: 10_000 }

type Work = (users: Actor) => Promise<void>

/** What a request does as its user, and what it remembers. */
interface Actor {
  user: string
  db: ReturnType<typeof openPod>['db']
  pool: NeonPool
  random: Randomness
  /** Runs a write of one title, and remembers what its user was told of it. */
  write(title: string, work: () => PromiseLike<unknown>): Promise<void>
  /** Rows that this user was shown. */
  see(rows: readonly { owner: string; title?: string }[]): void
  /** An answer that must be this. */
  expect(isRight: boolean): void
}

export async function runPooler({ seconds, seed, url, teardown }: PoolerRunOptions): Promise<PoolerReport> {
  const pooler = await openPooler({ teardown }, { poolSize: SESSIONS, server: url })
  const pods = Array.from({ length: PODS }, () => openPod(pooler.through(url)))
  for (const { pool } of pods) teardown(() => pool.end())
  const count = { requests: 0, failed: 0, wrong: 0, hung: 0, foreign: 0 }
  const writes: Write[] = []
  const sights: Sight[] = []
  const over = new AbortController()
  await administer('create table changing (owner text, n int); grant all on changing to app_user', url)

  const workers = USERS.map((user, index) => worker(user, index, randomnessOf(seed + 1 + index)))
  const attacking = attack({ pooler, url, random: randomnessOf(seed), signal: over.signal })
  await sleep(seconds * 1000)
  over.abort()
  await Promise.all([attacking, ...workers])
  for (const { pool } of pods) await pool.end()

  const rows = await administer('select owner, title from tasks', url)
  const { lost, phantom, foreign } = judge(writes, rows.map(rowOf), sights)
  const open = await administer(OPEN_TRANSACTIONS, url)
  const left = (await leftoversOf(pooler.through(url), SESSIONS)).length + open.length + heldOf(pods)
  return { ...count, lost, phantom, foreign: foreign + count.foreign, left }

  async function worker(user: string, index: number, random: Randomness) {
    while (!over.signal.aborted) {
      const pod = pods[index % pods.length] ?? pods[0]
      if (pod === undefined) return
      const actor = actorOf(user, random, pod)
      count.requests += 1
      const done = random
        .oneOf(REQUESTS)(actor)
        .then(
          () => 'done',
          () => 'failed'
        )
      const limit = new AbortController()
      const late = sleep(HUNG_MS, 'hung', { signal: limit.signal }).catch(() => 'done')
      const outcome = await Promise.race([done, late])
      limit.abort()
      if (outcome === 'failed') count.failed += 1
      if (outcome === 'hung') count.hung += 1
    }
  }

  function actorOf(user: string, random: Randomness, { db, pool }: ReturnType<typeof openPod>): Actor {
    return {
      user,
      db,
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

function openPod(url: string) {
  const { connection } = verifyConnectionUrl(url)
  if (!connection) throw new Error('no valid URL')
  const pool = new NeonPool({ ...LIMITS, applicationName: 'pooler-run', url: connection })
  return { pool, db: createDatabase(pool, { schema: { tasks }, role: 'app_user' }) }
}

const as = ({ db, user }: Actor, readOnly = false) => db.$as({ 'app.user_id': user }, { readOnly })
const COLUMNS = { owner: tasks.owner, title: tasks.title }
const inserted = (actor: Actor, title: string) => ({ owner: actor.user, title })

class Undo extends Error {}

/** Each is a kind of request. */
const REQUESTS: readonly Work[] = [
  async actor => actor.see(await as(actor, true).select(COLUMNS).from(tasks).limit(20)),
  async actor => actor.see(await as(actor).select(COLUMNS).from(tasks).limit(5)),
  async actor => actor.see(await as(actor, true).query.tasks.findMany({ limit: 5 })),
  async actor =>
    actor.see(await as(actor, true).select(COLUMNS).from(tasks).limit(1).prepare('first_task').execute()),
  async actor => {
    const { rows } = await as(actor, true).execute(sql`select current_setting('app.user_id', true) as claim`)
    actor.expect(rows[0]?.claim === actor.user)
  },
  async actor => {
    const { rows } = await actor.pool.query(
      `select nullif(current_setting('app.user_id', true), '') as claim`
    )
    actor.expect(rows[0]?.claim === null)
  },
  async actor => {
    const n = actor.random.between(1, 1_000_000)
    const { rows } = await actor.pool.query('select $1::int as n', [n])
    actor.expect(rows[0]?.n === n)
  },
  async actor => {
    const n = actor.random.between(1, 200)
    const { rows } = await actor.pool.query(`select ${n} as n, $1::text as who`, [actor.user])
    actor.expect(rows[0]?.n === n && rows[0]?.who === actor.user)
  },
  async actor => {
    const { rows } = await actor.pool.query({
      name: 'own',
      text: 'select $1::text as own',
      values: [actor.user]
    })
    actor.expect(rows[0]?.own === actor.user)
  },
  async actor => {
    const title = randomUUID()
    await actor.write(title, () => as(actor).insert(tasks).values(inserted(actor, title)))
  },
  async actor => {
    const title = randomUUID()
    await actor.write(title, async () =>
      actor.see(await as(actor).insert(tasks).values(inserted(actor, title)).returning(COLUMNS))
    )
  },
  async actor => {
    const title = randomUUID()
    await actor.write(title, () =>
      as(actor).transaction(async tx => {
        await tx.insert(tasks).values(inserted(actor, title))
        actor.see(await tx.select(COLUMNS).from(tasks).limit(3))
      })
    )
  },
  async actor => {
    const title = randomUUID()
    await actor.write(title, () =>
      as(actor).transaction(tx => tx.insert(tasks).values(inserted(actor, title)), {
        retry: 2,
        isolationLevel: 'serializable'
      })
    )
  },
  async actor => {
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
  async actor => {
    const title = randomUUID()
    await actor.write(title, () =>
      as(actor).$batch(db => [
        db.insert(tasks).values(inserted(actor, title)),
        db.select(COLUMNS).from(tasks).limit(3)
      ])
    )
  },
  async actor => {
    const [rows] = await as(actor, true).$batch(db => [db.select(COLUMNS).from(tasks).limit(3)])
    actor.see(rows)
  },
  async actor =>
    actor.see(
      await as(actor).transaction(tx => tx.select(COLUMNS).from(tasks).limit(3), { accessMode: 'read only' })
    ),
  async actor => {
    await as(actor)
      .transaction(async tx => {
        await tx.insert(tasks).values(inserted(actor, `undone ${randomUUID()}`))
        throw new Undo()
      })
      .catch(ignoreUndo)
  },
  // What the policies refuse.
  async actor => {
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
  async actor => {
    const refused = await as(actor, true)
      .execute(sql`delete from tasks`)
      .then(
        () => false,
        () => true
      )
    actor.expect(refused)
  },
  // What is cancelled: by its signal, and by its deadline.
  async actor => {
    const title = `cancelled ${randomUUID()}`
    const signal = AbortSignal.timeout(actor.random.between(1, 60))
    await actor.write(title, () =>
      as(actor).transaction(
        async tx => {
          await tx.insert(tasks).values(inserted(actor, title))
          await tx.execute(sql`select pg_sleep(0.05)`)
        },
        { signal }
      )
    )
  },
  async actor => {
    const signal = AbortSignal.timeout(20)
    await as(actor).transaction(tx => tx.execute(sql`select pg_sleep(1)`), { signal })
  },
  async actor => {
    const n = actor.random.between(1, 1000)
    await as(actor).execute(sql`insert into changing (owner, n) values (${actor.user}, ${n})`)
  },
  async actor => {
    const { rows } = await as(actor, true).execute(
      sql`select * from changing where owner = ${actor.user} order by n limit 3`
    )
    actor.expect(rows.every(({ owner }) => owner === actor.user))
  },
  async actor => {
    await actor.pool.query(actor.random.oneOf(['deallocate all', 'discard all']))
  }
]

interface Attacking {
  pooler: Pooler
  url: string
  random: Randomness
  signal: AbortSignal
}

const KILL_ONE = `select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
  order by random() limit 1`

/** Nothing is wrong any more at the end. */
async function attack({ pooler, url, random, signal }: Attacking) {
  const changes = [
    () => 'alter table tasks alter title type varchar(200)',
    () => 'alter table tasks alter title type text',
    () => `alter table changing add column if not exists c${random.between(1, 5)} int`,
    () => `alter table changing drop column if exists c${random.between(1, 5)}`,
    () => 'alter table changing alter n type bigint',
    () => 'alter table changing alter n type int'
  ]
  const acts = [
    () => administer(KILL_ONE, url),
    () => administer(KILL_ONE, url),
    () => pooler.command('RECONNECT'),
    () => administer(`set lock_timeout = 1000; ${random.oneOf(changes)()}`, url).catch(() => {}),
    () => administer(`set lock_timeout = 1000; ${random.oneOf(changes)()}`, url).catch(() => {}),
    async () => {
      const database = new URL(url).pathname.slice(1)
      await pooler.command(`PAUSE ${database}`)
      await pooler.command(`RESUME ${database}`)
    }
  ]
  while (!signal.aborted) {
    await sleep(random.between(50, 400), undefined, { signal }).catch(() => {})
    await random.oneOf(acts)()
  }
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
  return pods.reduce((sum, { pool }) => sum + pool.stats().held, 0)
}

const OPEN_TRANSACTIONS = `select 1 from pg_stat_activity where datname = current_database()
  and backend_type = 'client backend' and xact_start is not null and pid <> pg_backend_pid()`
