import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer } from '../../../../test/support/postgres.ts'
import type { Database, Tables } from '../../src/drizzle/database.ts'
import type { NeonPool } from '../../src/pool/pool.ts'
import { ALICE, marking, openMarks, ROLE } from '../support/marks.ts'
import {
  type Change,
  callInstead,
  changeStep,
  failBind,
  failExecute,
  failParse,
  withSync
} from '../support/steps.ts'
import { breakLink, loseAt, type Wire } from '../support/wire.ts'

interface Way {
  steps: string[]
  isReadOnly: boolean
  run(db: Database<Tables>, divisor?: number): Promise<{ rows: Record<string, unknown>[] }>
}

const alice = (db: Database<Tables>, readOnly = false) => db.$withClaims(ALICE, { readOnly })

const WAYS: Record<string, Way> = {
  'a read': {
    steps: ['READ ONLY, claims and role', 'the statement'],
    isReadOnly: true,
    run: (db, divisor) => alice(db, true).execute(marking(divisor))
  },
  'a single write': {
    steps: ['BEGIN', 'claims and role', 'the statement'],
    isReadOnly: false,
    run: (db, divisor) => alice(db).execute(marking(divisor))
  },
  'the first statement of a transaction': {
    steps: ['BEGIN', 'claims and role', 'the statement'],
    isReadOnly: false,
    run: (db, divisor) => alice(db).transaction(tx => tx.execute(marking(divisor)))
  },
  'the first statement of a transaction that is tracked': {
    steps: ['BEGIN', 'claims and role', 'the question for its name', 'the statement'],
    isReadOnly: false,
    run: (db, divisor) =>
      alice(db).transaction(tx => tx.execute(marking(divisor)), { trackCommitOutcome: true })
  },
  'the first statement of a read-only transaction': {
    steps: ['BEGIN', 'claims and role', 'the question for its isolation', 'the statement'],
    isReadOnly: true,
    run: (db, divisor) =>
      alice(db).transaction(tx => tx.execute(marking(divisor)), { accessMode: 'read only' })
  }
}

const LASTING: Record<string, Change> = {
  'at Parse': failParse,
  'at Bind': failBind,
  'at Execute': failExecute
}

const SLEEP = callInstead('pg_sleep(60)')

const GARBAGE: Record<string, Buffer> = {
  'a message that there is not': Buffer.from('~\0\0\0\x04'),
  'a row with fewer bytes than it says': Buffer.from('D\0\0\0\x06\0\x09')
}

const outcomeOf = (run: Promise<{ rows: Record<string, unknown>[] }>) =>
  run.then(
    ({ rows: [row] }) => ({ facts: row?.facts }),
    (error: unknown) => ({ error })
  )

type Marks = Awaited<ReturnType<typeof openMarks>>
type Outcome = Awaited<ReturnType<typeof outcomeOf>>

for (const [name, way] of Object.entries(WAYS))
  t.test(name, async t => {
    const marks = await openMarks(t)
    // A read outside of a transaction calls a function of which nobody knows what it does besides.
    const mustSucceed = name !== 'a read'
    const sentAgain = mustSucceed ? 'sent again' : 'not sent again'

    for (const [index, step] of way.steps.entries()) {
      for (const [where, change] of Object.entries(LASTING))
        t.test(`fails with what fails ${where} of ${step}`, async t => {
          const { pool, db } = await openChanged(t, marks, index, change)

          const outcome = await outcomeOf(way.run(db))

          t.match(outcome, { error: { code: /^FST_NEON_/ } })
          await expectInside(t, { marks, way, outcome, pool })
        })

      t.test(`fails when ${step} is cancelled`, async t => {
        const { pool, db } = await openChanged(t, marks, index, once(SLEEP))

        const running = outcomeOf(way.run(db))
        await callOnSleeping('pg_cancel_backend', marks.url)

        const outcome = await running
        const isLast = index === way.steps.length - 1
        t.match(outcome, { error: { code: isLast ? 'FST_NEON_STATEMENT_TIMEOUT' : 'FST_NEON_UNREACHABLE' } })
        await expectInside(t, { marks, way, outcome, pool })
      })

      t.test(`is ${sentAgain} when the session ends at ${step}`, async t => {
        const { pool, db } = await openChanged(t, marks, index, once(SLEEP))

        const running = outcomeOf(way.run(db))
        await callOnSleeping('pg_terminate_backend', marks.url)

        const outcome = await running
        t.equal(pool.stats().connects, mustSucceed ? 2 : 1)
        await expectInside(t, { marks, way, outcome, pool, mustSucceed })
      })
    }

    t.test('fails with its own error, and is undone', async t => {
      await marks.clear()
      const { pool, db } = await marks.open(t)

      const outcome = await outcomeOf(way.run(db, 0))

      t.match(outcome, { error: { code: 'FST_NEON_INVALID_VALUE', sqlState: '22012' } })
      await expectInside(t, { marks, way, outcome, pool, mayHaveRun: true })
    })

    for (const side of ['before', 'behind'] as const)
      t.test(`is ${sentAgain} when the link is lost ${side} it`, async t => {
        await marks.clear()
        const { pool, db } = await marks.open(t)
        pool.once('acquire', (client: Wire) => loseAt(client, 0, side, () => breakLink(client)))

        const outcome = await outcomeOf(way.run(db))

        t.equal(pool.stats().connects, mustSucceed ? 2 : 1)
        await expectInside(t, { marks, way, outcome, pool, mustSucceed })
      })

    for (const [what, bytes] of Object.entries(GARBAGE))
      t.test(
        `is not taken for done, nor done otherwise, when ${what} comes in front of the answer`,
        async t => {
          await marks.clear()
          const { pool, db } = await marks.open(t)
          pool.once('acquire', (client: Wire) => loseAt(client, 0, 'behind', () => receive(client, bytes)))

          const outcome = await outcomeOf(way.run(db))

          await expectInside(t, { marks, way, outcome, pool, mayHaveRun: true })
        }
      )

    t.test('leaves the marks that these tests look for when it is no pipeline any more', async t => {
      await marks.clear()
      const { pool, db } = await marks.open(t)
      pool.on('connect', (client: Wire) => {
        for (const index of way.steps.keys())
          if (index < way.steps.length - 1) changeStep(client, index, withSync(failParse))
      })

      t.match(await outcomeOf(way.run(db)), { error: { code: /^FST_NEON_/ } })

      await until(async () => (await marks.look()).outside === true)
      t.match((await marks.look()).stored, ['neondb_owner//off'])
    })

    if (way.steps[0] === 'BEGIN')
      t.test('leaves what it stored when BEGIN is no part of the pipeline any more', async t => {
        const { db } = await openChanged(t, marks, 0, withSync(failParse))

        t.match(await outcomeOf(way.run(db)), { error: { code: /^FST_NEON_/ } })

        await until(async () => (await marks.look()).inside === true)
        t.match((await marks.look()).stored, [`${ROLE}/alice/off`])
      })
  })

async function openChanged(t: Test, marks: Marks, index: number, change: Change) {
  await marks.clear()
  const opened = await marks.open(t)
  opened.pool.on('connect', (client: Wire) => changeStep(client, index, change))
  return opened
}

function once(change: Change): Change {
  let isOver = false
  return step => {
    if (isOver) return step
    isOver = true
    return change(step)
  }
}

interface Expected {
  marks: Marks
  way: Way
  outcome: Outcome
  pool: NeonPool
  mustSucceed?: boolean
  /** As alice, in a transaction that was rolled back. */
  mayHaveRun?: boolean
}

/** What is answered with success was done once, as alice; what is not was not done at all; and nobody else did anything. */
async function expectInside(t: Test, { marks, way, outcome, pool, mustSucceed, mayHaveRun }: Expected) {
  const facts = `${ROLE}/alice/${way.isReadOnly ? 'on' : 'off'}`
  const isDone = 'facts' in outcome
  if (mustSucceed || isDone) t.strictSame(outcome, { facts })
  await expectClean(t, pool)

  const { stored, inside, outside } = await marks.look()
  t.strictSame(stored, isDone && !way.isReadOnly ? [facts] : [])
  t.equal(outside, false, 'it ran as nobody else')
  if (way.isReadOnly || (!isDone && !mayHaveRun)) t.equal(inside, false, 'it did not run where it can write')
}

/** What the next user of the pool finds. */
async function expectClean(t: Test, pool: NeonPool) {
  const { rows } = await pool.query(
    `select current_user = session_user as same, nullif(current_setting('app.user_id', true), '') as claim,
      current_setting('transaction_read_only') as "readOnly"`
  )
  t.strictSame(rows, [{ same: true, claim: null, readOnly: 'off' }])
  t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0, waiting: 0 })
}

async function callOnSleeping(call: 'pg_cancel_backend' | 'pg_terminate_backend', url: string) {
  await until(async () => {
    const called = await administer(
      `select ${call}(pid) from pg_stat_activity
        where wait_event = 'PgSleep' and datname = current_database()`,
      url
    )
    return called.length > 0
  })
}

/** As if it came from the server. */
function receive({ connection }: Wire, bytes: Buffer) {
  Reflect.get(connection.stream.ws, 'emit').call(connection.stream.ws, 'message', bytes, true)
}
