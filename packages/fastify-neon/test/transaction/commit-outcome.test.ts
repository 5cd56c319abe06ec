import { sql } from 'drizzle-orm'
import t from 'tap'
import { until } from '../../../../test/support/app.ts'
import { atCommit, DIE } from '../../../../test/support/postgres.ts'
import type { NeonPool } from '../../src/pool/pool.ts'
import { CommitOutcomeUnknown } from '../../src/transaction/commit-outcome.ts'
import { isRunning, killOthers, notes, openNotes } from '../support/notes.ts'
import { breakLink, loseAnswerToCommit, type Wire } from '../support/wire.ts'

function loseAnswer(pool: NeonPool, cut: () => Promise<void>) {
  pool.once('acquire', (client: Wire) => loseAnswerToCommit(client, cut))
}

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => Promise.reject(new Error('it was committed')),
    (error: unknown) =>
      error instanceof CommitOutcomeUnknown
        ? error
        : Promise.reject(new Error('another error', { cause: error }))
  )

t.test('a COMMIT without an answer', async t => {
  t.test('is of unknown outcome, and resolved as committed when it was', async t => {
    const { db, pool, stored } = await openNotes(t)
    loseAnswer(pool, () => until(async () => (await stored()).length === 1))

    const failure = await failureOf(
      db.transaction(tx => tx.insert(notes).values({ body: 'kept' }), { trackCommitOutcome: true })
    )

    t.match(failure, { code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN', retryable: false, xid: /^\d+$/ })
    t.equal(await failure.resolve(), 'committed')
    t.match(pool.stats(), {
      total: 1,
      idle: 1,
      checkedOut: 0,
      transactionsUnknown: 1,
      transactionsCommitted: 0
    })
  })

  t.test('is resolved as aborted when it was not', async t => {
    const { db, url } = await openNotes(t)
    await atCommit(url, 'notes', DIE)

    const failure = await failureOf(
      db.transaction(tx => tx.insert(notes).values({ body: 'lost' }), { trackCommitOutcome: true, retry: 3 })
    )

    t.equal(await failure.resolve(), 'aborted')
  })

  t.test('is in progress while the server behind the pooler is still at it', async t => {
    const { db, pool, url, stored } = await openNotes(t, {}, { isPooled: true })
    await atCommit(url, 'notes', 'perform pg_sleep(1)')
    loseAnswer(pool, () => until(() => isRunning(url, '^COMMIT')))

    const failure = await failureOf(
      db.transaction(tx => tx.insert(notes).values({ body: 'kept' }), { trackCommitOutcome: true })
    )

    t.equal(await failure.resolve(), 'in progress')
    await until(async () => (await failure.resolve()) === 'committed')
    t.strictSame(await stored(), ['kept'])
  })

  t.test('is resolved as aborted when the proxy cancelled what was still at it', async t => {
    const { db, pool, url, stored } = await openNotes(t)
    await atCommit(url, 'notes', 'perform pg_sleep(60)')
    loseAnswer(pool, () => until(() => isRunning(url, '^COMMIT')))

    const failure = await failureOf(
      db.transaction(tx => tx.insert(notes).values({ body: 'lost' }), { trackCommitOutcome: true })
    )

    await until(async () => (await failure.resolve()) === 'aborted')
    t.strictSame(await stored(), [])
  })

  t.test('stays unknown when the transaction was not tracked', async t => {
    const { db, pool, stored } = await openNotes(t)
    loseAnswer(pool, () => until(async () => (await stored()).length === 1))

    const failure = await failureOf(db.transaction(tx => tx.insert(notes).values({ body: 'kept' })))

    t.equal(failure.xid, undefined)
    t.equal(await failure.resolve(), 'unknown')
  })

  t.test('stays unknown on a server that has another history', async t => {
    const { pool } = await openNotes(t)

    const failure = new CommitOutcomeUnknown({ pool, xid: '999999999999', cause: undefined })

    t.equal(await failure.resolve(), 'unknown')
  })

  t.test('cannot be resolved when the server cannot be asked', async t => {
    const { pool } = await openNotes(t)
    await pool.end()

    const failure = new CommitOutcomeUnknown({ pool, xid: '1', cause: undefined })

    await t.rejects(failure.resolve(), { code: 'FST_NEON_CLOSED' })
  })

  t.test('is committed when its tag came before the link broke', async t => {
    const { db, pool, url, stored } = await openNotes(t)
    pool.once('acquire', (client: Wire) => {
      const { connection } = client
      const emit = connection.emit.bind(connection)
      connection.emit = (event, message) => {
        if (event === 'readyForQuery' && Reflect.get(client, 'lastTag') === 'COMMIT') {
          breakLink(client)
          return true
        }
        return emit(event, message)
      }
    })

    await db.transaction(tx => tx.insert(notes).values({ body: 'kept' }))

    t.strictSame(await stored(), ['kept'])
    await killOthers(url)
  })
})

t.test('a COMMIT that takes too long is not cancelled on the server', async t => {
  const { db, pool, url, stored } = await openNotes(t, { statementTimeoutMs: 1000 })
  await atCommit(url, 'notes', 'perform pg_sleep(3)')

  await failureOf(db.transaction(tx => tx.insert(notes).values({ body: 'kept' })))

  await until(async () => (await stored()).length === 1)
  await until(() => pool.stats().total === 0)
  t.match(pool.stats(), { checkedOut: 0, statementsCancelled: 0, transactionsUnknown: 1 })
})

t.test('a tracked BEGIN that is answered without an id gives its client back', async t => {
  const { db, pool } = await openNotes(t)
  pool.once('acquire', ({ connection }: Wire) => {
    const emit = connection.emit.bind(connection)
    connection.emit = (event, message) => event === 'dataRow' || emit(event, message)
  })

  await db.transaction(async () => {}, { trackCommitOutcome: true })

  t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0 })
})

t.test('a COMMIT that is answered with what is no tag of it is of unknown outcome', async t => {
  const { db, pool, stored } = await openNotes(t)
  pool.once('acquire', ({ connection }: Wire) => {
    const emit = connection.emit.bind(connection)
    connection.emit = (event, message) => {
      const isOfCommit = event === 'commandComplete' && Reflect.get(Object(message), 'text') === 'COMMIT'
      return emit(event, isOfCommit ? { ...Object(message), text: 'COMME' } : message)
    }
  })

  await failureOf(db.transaction(tx => tx.insert(notes).values({ body: 'kept' })))

  t.strictSame(await stored(), ['kept'])
  t.match(pool.stats(), { total: 0, checkedOut: 0 })
})

t.test('a tracked transaction', async t => {
  t.test('costs no round trip more, and no id when it is read only', async t => {
    const { db } = await openNotes(t)
    const xidIn = async (options: { accessMode?: 'read only' }) => {
      const { rows } = await db.transaction(
        tx => tx.execute(sql`select pg_current_xact_id_if_assigned()::text as xid`),
        { trackCommitOutcome: true, ...options }
      )
      return rows[0]?.xid
    }

    t.match(await xidIn({}), /^\d+$/)
    t.equal(await xidIn({ accessMode: 'read only' }), null)
  })
})
