import { setTimeout as sleep } from 'node:timers/promises'
import { type SQL, sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { Pipeline } from '../../src/client/pipeline.ts'
import { createDatabase as createDrizzle } from '../../src/drizzle/database.ts'
import type { NeonPool, NeonPoolOptions } from '../../src/pool/pool.ts'
import { kill, openPool, pidOf, take } from '../support/pools.ts'
import { afterPiece, deafen, type Wire } from '../support/wire.ts'

async function open(t: Test, options: Partial<NeonPoolOptions> = {}) {
  const url = await createDatabase(t)
  const opened = await openPool(t, { max: 1, ...options }, url)
  const db = createDrizzle(opened.pool, { role: 'app_user' })
  const pieces: string[][] = []
  opened.pool.on('connect', (client: Wire) => afterPiece(client, texts => pieces.push(texts)))
  // Drizzle begins only when somebody waits for it.
  const read = async (user: string, query: SQL) =>
    db.$withClaims({ 'app.user_id': user }, { readOnly: true }).execute(query)
  return { ...opened, url, db, pieces, read }
}

const who = (number: number) =>
  sql`select ${number}::int as n, current_user::text as role, current_setting('app.user_id', true) as claim,
    pg_backend_pid() as pid`

const countOf = (times: number) => Array.from({ length: times }, (_, index) => index)

/** All is asked for that does not wait for the server. */
async function inTurn() {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
}

/** Of the connection that is idle. */
async function silence(pool: NeonPool) {
  const [client] = await take(pool, 1)
  client?.release()
  deafen(client as unknown as Wire)
}

const SLEEPING =
  "select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"

const isSleeping = async (url: string) => (await administer(SLEEPING, url)).length > 0

t.test('reads at once on a pool that is full', async t => {
  t.test('share its connections, as many on each as may, and each gets its own rows', async t => {
    const { pool, read } = await open(t, { max: 2, maxPipelined: 5 })
    for (const client of await take(pool, 2)) client.release()

    const reads = countOf(40).map(n => read(`user-${n}`, who(n)))
    await inTurn()
    t.match(pool.stats(), { total: 2, checkedOut: 2, waiting: 30 })

    const rows = (await Promise.all(reads)).flatMap(({ rows }) => rows)
    for (const [n, row] of rows.entries()) t.match(row, { n, role: 'app_user', claim: `user-${n}` })
    t.equal(new Set(rows.map(({ pid }) => pid)).size, 2)
    t.match(pool.stats(), { total: 2, idle: 2, checkedOut: 0, waiting: 0, transactionsCommitted: 40 })
  })

  t.test('never mix the claims of their users, however they are interleaved', async t => {
    const { pool, db } = await open(t, { maxPipelined: 20 })

    for (let round = 0; round < 10; round += 1) {
      const users = countOf(20).map(n => ({ n, claims: { 'app.user_id': `user-${(n * 7 + round) % 20}` } }))
      const rows = await Promise.all(
        users.map(({ n, claims }) => {
          if (n % 5 === 4) return db.execute(who(n))
          return n % 5 === 3
            ? db.$withClaims(claims).transaction(tx => tx.execute(who(n)))
            : db.$withClaims(claims, { readOnly: true }).execute(who(n))
        })
      )
      for (const [n, result] of rows.entries())
        t.match(result.rows, [
          { n, role: 'app_user', claim: n % 5 === 4 ? '' : users[n]?.claims['app.user_id'] }
        ])
    }

    t.equal(pool.stats().connects, 1)
    const { rows } = await pool.query('select current_user = session_user as same')
    t.strictSame(rows, [{ same: true }])
  })

  t.test('share nothing where each connection is for one', async t => {
    const { pool, read, pieces } = await open(t, { maxPipelined: 1 })
    const client = await pool.connect()
    client.release()
    let most = 0
    pool.on('acquire', () => {
      most = Math.max(most, pool.stats().checkedOut)
    })

    const reads = countOf(6).map(n => read('alice', who(n)))
    await inTurn()
    t.match(pool.stats(), { checkedOut: 1, waiting: 5 })
    await Promise.all(reads)

    t.equal(pieces.length, 6)
    t.equal(most, 1)
    t.equal(pool.stats().checkouts, 7)
  })

  t.test('fail each for itself', async t => {
    const { read } = await open(t)

    const outcomes = await Promise.allSettled(
      countOf(9).map(n => read('alice', n % 3 === 1 ? sql`select 1 / ${n - n}::int` : who(n)))
    )

    for (const [n, outcome] of outcomes.entries())
      if (n % 3 === 1) t.match(outcome, { status: 'rejected', reason: { code: 'FST_NEON_INVALID_VALUE' } })
      else t.match(outcome, { status: 'fulfilled', value: { rows: [{ n }] } })
  })
})

t.test('a read never rides', async t => {
  t.test('behind a transaction, or on a client that somebody has taken', async t => {
    const { pool, db, read } = await open(t, { max: 2 })
    const client = await pool.connect()
    let end = () => {}
    const ended = new Promise<void>(resolve => {
      end = resolve
    })
    const transaction = db.transaction(async tx => {
      await tx.execute(sql`select 1`)
      await ended
    })
    await until(() => pool.stats().checkedOut === 2)

    let answered = 0
    const reads = countOf(5).map(n =>
      read('alice', who(n)).then(() => {
        answered += 1
      })
    )
    await sleep(100)
    t.equal(answered, 0)
    t.equal(pool.waitingCount, 5)

    client.release()
    await Promise.all(reads)
    end()
    await transaction
    t.match(pool.stats(), { checkedOut: 0, waiting: 0 })
  })

  t.test('past a transaction that waits, which is served although reads keep coming', async t => {
    const { pool, db, read } = await open(t, { maxPipelined: 3 })
    let isServed = false
    let reads = 0
    const keepReading = async () => {
      while (!isServed) {
        await read('alice', who(0))
        reads += 1
      }
    }
    const readers = countOf(8).map(keepReading)
    await until(() => reads > 20)

    const before = reads
    await db.transaction(tx => tx.execute(sql`select 1`))
    const meanwhile = reads - before
    isServed = true
    await Promise.all(readers)

    t.ok(meanwhile <= 8 + 3, `${meanwhile} reads that were there before it`)
    t.match(pool.stats(), { checkedOut: 0, waiting: 0, connects: 1 })
  })
})

t.test('a read that takes too long', async t => {
  t.test('is ended on the server, its caller is told, and the others get their rows', async t => {
    const { pool, read, url, count } = await open(t, { statementTimeoutMs: 1500 })
    const pid = await pidOf(pool)

    const slow = read('alice', sql`select pg_sleep(60)`)
    const others = countOf(5).map(n => read(`user-${n}`, who(n)))

    await t.rejects(slow, { code: 'FST_NEON_STATEMENT_TIMEOUT' })
    for (const [n, { rows }] of (await Promise.all(others)).entries())
      t.match(rows, [{ n, claim: `user-${n}` }])
    t.equal(await isSleeping(url), false)
    await until(() => pool.stats().checkedOut === 0)
    t.match(pool.stats(), { waiting: 0, statementsUnanswered: 0 })
    t.ok(count('statement-cancelled') >= 1)
    t.not(await pidOf(pool), pid, 'nobody gets a connection that a late cancel may meet')
  })

  t.test('does not keep those waiting that come later, and does not harm them by its end', async t => {
    const { pool, read, url } = await open(t, { max: 2, statementTimeoutMs: 1500 })
    for (const client of await take(pool, 2)) client.release()
    const slow = read('alice', sql`select pg_sleep(60)`)
    await until(() => isSleeping(url))

    let served = 0
    const isOver = slow.then(
      () => true,
      () => true
    )
    const over = isOver.then(() => sleep(100))
    let goesOn = true
    over.then(() => {
      goesOn = false
    })
    await Promise.all(
      countOf(4).map(async n => {
        while (goesOn) {
          t.match((await read('bob', who(n))).rows, [{ n, claim: 'bob' }])
          served += 1
        }
      })
    )

    await t.rejects(slow, { code: 'FST_NEON_STATEMENT_TIMEOUT' })
    t.ok(served > 4, `${served} reads beside it`)
    t.equal(await isSleeping(url), false)
  })

  t.test('on a link that has become silent is told, and those behind it are served by another', async t => {
    const { pool, read } = await open(t, { statementTimeoutMs: 1500 })
    await silence(pool)

    const first = read('alice', who(0))
    const others = countOf(2).map(n => read(`user-${n}`, who(n)))

    await t.rejects(first, { code: 'FST_NEON_STATEMENT_TIMEOUT' })
    for (const [n, { rows }] of (await Promise.all(others)).entries())
      t.match(rows, [{ n, claim: `user-${n}` }])
    t.match(pool.stats(), { connects: 2, checkedOut: 0, waiting: 0 })
  })

  t.test(
    'and whose end is not answered takes the connection with it, at once for who has more time',
    async t => {
      const { pool, count } = await open(t, { statementTimeoutMs: 300 })
      const [client] = await take(pool, 1)
      client?.release()
      await silence(pool)

      const first = pool.runPipeline(() => new Pipeline([{ text: 'select 1' }]))
      const second = pool.runPipeline(() => {
        Object.assign(Reflect.get(client ?? {}, 'connectionParameters'), { query_timeout: 60_000 })
        return new Pipeline([{ text: 'select 2' }])
      })
      second.catch(() => {})

      await t.rejects(first, { message: 'Query read timeout' })
      await t.rejects(second, { message: /Connection terminated/ })
      await until(() => count('statement-unanswered') === 1)
      t.match(pool.stats(), { total: 0, checkedOut: 0, waiting: 0 })
    }
  )

  t.test('alone on its connection is ended with it', async t => {
    const { pool, read, url } = await open(t, { statementTimeoutMs: 1500 })

    await t.rejects(read('alice', sql`select pg_sleep(60)`), { code: 'FST_NEON_STATEMENT_TIMEOUT' })

    await until(async () => !(await isSleeping(url)))
    await until(() => pool.stats().total === 0)
    t.match(pool.stats(), { checkedOut: 0, statementsCancelled: 1 })
    t.ok(await read('alice', who(1)))
  })
})

t.test('the loss of a connection with many on it', async t => {
  t.test('is repeated for each read as a user, and told to each other', async t => {
    const { pool, read, url, count } = await open(t)
    const plain = createDrizzle(pool)
    const pid = await pidOf(pool)
    // It calls a function of which it is not known whether it does more than to read.
    const slow = Promise.allSettled([read('alice', sql`select pg_sleep(1)::text as slept`)])
    const reads = countOf(4).map(n => read(`user-${n}`, who(n)))
    const others = Promise.allSettled(countOf(4).map(async n => plain.execute(sql`select ${n}::int as n`)))
    await until(() => isSleeping(url))

    await kill(pid)

    for (const outcome of [...(await others), ...(await slow)])
      t.match(outcome, { status: 'rejected', reason: { code: 'FST_NEON_CONNECTION_LOST' } })
    for (const [n, { rows }] of (await Promise.all(reads)).entries())
      t.match(rows, [{ n, claim: `user-${n}` }])
    t.equal(count('checked-out-client-lost'), 1)
    t.ok(count('transaction-repeated') >= 4)
    await until(() => pool.stats().checkedOut === 0)
    t.match(pool.stats(), { connects: 2, total: 1, waiting: 0 })
  })
})

t.test('a pipeline that leaves a transaction open ends its session, since others would be in it', async t => {
  const { pool, url } = await open(t)
  const begun = () => new Pipeline([{ text: 'begin' }, { text: 'select 1' }], { endsIdle: true })

  await Promise.allSettled([
    pool.runPipeline(begun),
    pool.runPipeline(() => new Pipeline([{ text: 'select 2' }]))
  ])

  const left = "select 1 from pg_stat_activity where state like 'idle in%' and datname = current_database()"
  await until(async () => (await administer(left, url)).length === 0)
  t.ok(await pool.query('select 1'))
  t.equal(pool.stats().connects, 2)
})

t.test('the end of a pool', async t => {
  t.test('waits for those that share a connection, and refuses who waits for a place', async t => {
    const { pool, read } = await open(t, { maxPipelined: 3 })
    await pool.query('select 1')
    const reads = countOf(5).map(n => read('alice', who(n)))
    await inTurn()
    t.match(pool.stats(), { checkedOut: 1, waiting: 2 })

    const ended = pool.end()

    const outcomes = await Promise.allSettled(reads)
    await ended
    t.match(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected']
    )
    t.match(outcomes[4], { reason: { code: 'FST_NEON_CLOSED' } })
    t.match(pool.stats(), { total: 0, checkedOut: 0, waiting: 0 })
    await t.rejects(read('alice', who(1)), { code: 'FST_NEON_CLOSED' })
  })
})
