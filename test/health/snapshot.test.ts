import t from 'tap'
import { DATABASE_STATES } from '../../src/health/database.ts'
import { PROCESS_STATES } from '../../src/health/process.ts'
import {
  DOWN_POLICIES,
  READINESS_BY_STATE,
  type ReadinessInput,
  readinessOf
} from '../../src/health/snapshot.ts'

const FINE: ReadinessInput = {
  process: 'ready',
  database: { state: 'up' },
  flow: 'free',
  checks: {},
  policy: 'fail-open',
  isBehind: false,
  isDatabaseIgnored: false
}

t.test('readiness', async t => {
  t.test('is unavailable unless the process is ready, whatever the rest is', async t => {
    const ready = PROCESS_STATES.filter(process => readinessOf({ ...FINE, process }) !== 'unavailable')

    t.strictSame(ready, ['ready'])
    t.equal(readinessOf({ ...FINE, process: 'draining', isDatabaseIgnored: true }), 'unavailable')
    t.equal(readinessOf({ ...FINE, isBehind: true, isDatabaseIgnored: true }), 'unavailable')
  })

  for (const policy of DOWN_POLICIES) {
    t.test(`follows the state of the database by ${policy}`, async t => {
      for (const state of DATABASE_STATES)
        t.equal(
          readinessOf({ ...FINE, policy, database: { state } }),
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
    t.equal(readinessOf({ ...FINE, flow: 'saturated' }), 'degraded')
    t.equal(readinessOf({ ...FINE, flow: 'saturated', isDatabaseIgnored: true }), 'ok')
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
