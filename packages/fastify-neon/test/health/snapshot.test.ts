import t from 'tap'
import { DATABASE_STATES } from '../../src/health/database.ts'
import { PROCESS_STATES } from '../../src/health/process.ts'
import {
  type DatabaseInput,
  DOWN_POLICIES,
  READINESS_BY_STATE,
  type ReadinessInput,
  readinessOf
} from '../../src/health/snapshot.ts'

const UP: DatabaseInput = { state: 'up', flow: 'free', critical: true }
const FINE: ReadinessInput = {
  process: 'ready',
  databases: [UP],
  checks: {},
  policy: 'fail-open',
  isBehind: false
}

t.test('readiness', async t => {
  t.test('is unavailable unless the process is ready, whatever the rest is', async t => {
    const ready = PROCESS_STATES.filter(process => readinessOf({ ...FINE, process }) !== 'unavailable')

    t.strictSame(ready, ['ready'])
    t.equal(readinessOf({ ...FINE, process: 'draining', databases: [] }), 'unavailable')
    t.equal(readinessOf({ ...FINE, isBehind: true, databases: [] }), 'unavailable')
  })

  for (const policy of DOWN_POLICIES) {
    t.test(`follows the state of the database by ${policy}`, async t => {
      for (const state of DATABASE_STATES)
        t.equal(
          readinessOf({ ...FINE, policy, databases: [{ ...UP, state }] }),
          READINESS_BY_STATE[policy][state],
          state
        )
    })
  }

  t.test('fails open and closed as the words say', async t => {
    t.match(READINESS_BY_STATE, {
      'fail-open': {
        unknown: 'unavailable',
        idle: 'ok',
        suspect: 'degraded',
        down: 'degraded',
        wedged: 'unavailable'
      },
      'fail-closed': { suspect: 'degraded', down: 'unavailable', wedged: 'unavailable' }
    })
  })

  t.test('is degraded, and not more, while the pool is full', async t => {
    t.equal(readinessOf({ ...FINE, databases: [{ ...UP, flow: 'saturated' }] }), 'degraded')
    t.equal(readinessOf({ ...FINE, databases: [] }), 'ok')
  })

  for (const policy of DOWN_POLICIES) {
    t.test(`is degraded, and not more, by a database that is not critical, by ${policy}`, async t => {
      for (const state of DATABASE_STATES) {
        const other: DatabaseInput = { ...UP, state, critical: false }
        const expected = READINESS_BY_STATE[policy][state] === 'ok' ? 'ok' : 'degraded'
        t.equal(readinessOf({ ...FINE, policy, databases: [UP, other] }), expected, state)
      }
    })
  }

  t.test('is what the worst of several databases says', async t => {
    const wedged: DatabaseInput = { ...UP, state: 'wedged' }

    t.equal(readinessOf({ ...FINE, databases: [UP, wedged] }), 'unavailable')
  })

  t.test('is what the worst of its parts is', async t => {
    const failed = (critical: boolean) => ({ state: 'failed', critical }) as const
    const fine = { state: 'ok', critical: true } as const

    t.equal(readinessOf({ ...FINE, checks: { fine } }), 'ok')
    t.equal(readinessOf({ ...FINE, checks: { fine, side: failed(false) } }), 'degraded')
    t.equal(readinessOf({ ...FINE, checks: { core: failed(true), side: failed(false) } }), 'unavailable')
    t.equal(readinessOf({ ...FINE, checks: { core: { state: 'pending', critical: true } } }), 'unavailable')
  })
})
