import t from 'tap'
import { DATABASE_STATES, type Database, UNKNOWN_DATABASE } from '../../src/health/database.ts'
import { recoveryPauseMs } from '../../src/health/recovery.ts'

const MINUTE_MS = 60_000
const random = () => 1 - Number.EPSILON
const pause = (database: Partial<Database>, asked: number, quietForMs = 0, chance = random) =>
  recoveryPauseMs({ database: { ...UNKNOWN_DATABASE, ...database }, asked, quietForMs, random: chance })

t.test('the next question', async t => {
  t.test('is not planned unless the database is in doubt', async t => {
    const planned = DATABASE_STATES.filter(state => pause({ state }, 0) !== undefined)

    t.strictSame(planned, ['suspect', 'down'])
  })

  t.test('comes after a second, and then ever later, up to half a minute', async t => {
    const pauses = [0, 1, 2, 3, 4, 5, 60].map(asked => Math.round(pause({ state: 'suspect' }, asked) ?? 0))

    t.strictSame(pauses, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  })

  t.test('comes up to half its time earlier, so that replicas spread, and never within a second', async t => {
    t.equal(
      pause({ state: 'down' }, 5, 0, () => 0),
      15_000
    )
    t.equal(
      pause({ state: 'down' }, 0, 0, () => 0),
      1000
    )
  })

  t.test('after a refusal waits for a person to fix it', async t => {
    t.equal(Math.round(pause({ state: 'down', reason: 'refused' }, 1) ?? 0), 30_000)
    t.equal(Math.round(pause({ state: 'suspect', reason: 'refused' }, 0) ?? 0), 1000)
  })

  t.test('hardly ever comes when nobody has wanted the database for five minutes', async t => {
    t.equal(Math.round(pause({ state: 'down' }, 20, 5 * MINUTE_MS) ?? 0), 5 * MINUTE_MS)
    t.equal(Math.round(pause({ state: 'down' }, 20, 5 * MINUTE_MS - 1) ?? 0), 30_000)
  })
})
