import t from 'tap'
import {
  DATABASE_EVENTS,
  DATABASE_STATES,
  type Database,
  type DatabaseEvent,
  type DatabaseState,
  DOWN_AFTER_MS,
  type Evidence,
  nextDatabaseState,
  UNKNOWN_DATABASE,
  weigh
} from '../../src/health/database.ts'

/** Every state with every event, in the order of DATABASE_EVENTS. */
const TABLE: Record<DatabaseState, DatabaseState[]> = {
  //        answered  failed     failed-long quiet      closed     stuck      moved
  unknown: ['up', 'unknown', 'unknown', 'unknown', 'unknown', 'unknown', 'unknown'],
  up: ['up', 'suspect', 'down', 'idle', 'idle', 'wedged', 'up'],
  idle: ['up', 'suspect', 'down', 'idle', 'idle', 'wedged', 'idle'],
  suspect: ['up', 'suspect', 'down', 'suspect', 'suspect', 'suspect', 'suspect'],
  down: ['up', 'down', 'down', 'down', 'down', 'down', 'down'],
  wedged: ['wedged', 'wedged', 'wedged', 'wedged', 'wedged', 'wedged', 'suspect']
}

t.test('the states of the database', async t => {
  for (const state of DATABASE_STATES) {
    t.test(`after ${state} are those of the table`, async t => {
      t.strictSame(
        DATABASE_EVENTS.map(event => nextDatabaseState(state, event as DatabaseEvent)),
        TABLE[state]
      )
    })
  }
})

const failed = (atMs: number): Evidence => ({ type: 'failed', atMs, reason: 'unreachable' })
const answered = (atMs: number): Evidence => ({ type: 'answered', atMs, source: 'traffic' })
const after = (...evidence: Evidence[]): Database => evidence.reduce(weigh, UNKNOWN_DATABASE)

t.test('the database', async t => {
  t.test('is suspect after one failure, for as long as they are fewer than three', async t => {
    t.equal(after(answered(0), failed(1000)).state, 'suspect')
    t.equal(after(answered(0), failed(1000), failed(60_000)).state, 'suspect')
  })

  t.test('is down at the third failure, when the first one is five seconds ago', async t => {
    t.equal(after(answered(0), failed(1000), failed(3000), failed(5999)).state, 'suspect')
    t.equal(after(answered(0), failed(1000), failed(3000), failed(1000 + DOWN_AFTER_MS)).state, 'down')
  })

  t.test('counts callers that fail side by side as one failure', async t => {
    const crowd = Array.from({ length: 100 }, (_, index) => failed(1000 + index))

    const database = after(answered(0), ...crowd, failed(7000))

    t.match(database, { state: 'suspect', failures: 2, failingSinceMs: 1000 })
  })

  t.test('counts failures that come every 300 ms', async t => {
    const stream = Array.from({ length: 20 }, (_, index) => failed(1000 + index * 300))

    t.equal(after(answered(0), ...stream).state, 'down')
  })

  t.test('is up again at one answer, which begins the count again', async t => {
    const database = after(answered(0), failed(1000), failed(4000), failed(7000), answered(8000))

    t.match(database, { state: 'up', failures: 0, reason: undefined, answeredAtMs: 8000 })
    t.equal(after(answered(0), failed(1), failed(4000), answered(5000), failed(9000)).state, 'suspect')
  })

  t.test('that was never reached stays unknown, however often it fails, and says why', async t => {
    const database = after(failed(0), failed(4000), { type: 'failed', atMs: 9000, reason: 'refused' })

    t.match(database, { state: 'unknown', wasReached: false, reason: 'refused' })
  })

  t.test('remembers that it was reached, and who asked', async t => {
    t.match(after({ type: 'answered', atMs: 3, source: 'probe' }, failed(4)), {
      wasReached: true,
      answeredAtMs: 3,
      answerSource: 'probe'
    })
  })

  t.test('is idle when the other end closes what nobody uses, which is no failure', async t => {
    t.match(after(answered(0), { type: 'closed', atMs: 9 }), { state: 'idle', failures: 0 })
  })
})
