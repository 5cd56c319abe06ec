import t from 'tap'
import type { HealthCheck } from '../../../src/health/checks.ts'
import { healthCheck } from '../../../src/plugins/health/checks.ts'

const check = async () => {}
const make = (given: Record<string, unknown>) =>
  healthCheck({ name: 'queue', check, ...given } as HealthCheck, name => name === 'taken')

t.test('a health check', async t => {
  t.test('is not critical, and does not wake the database, unless it says so', async t => {
    t.strictSame(make({}), {
      name: 'queue',
      check,
      critical: false,
      timeoutMs: 1000,
      ttlMs: 10_000,
      wakes: false
    })
  })

  for (const name of ['taken', 'database', 'pool']) {
    t.test(`is refused under the name ${name}, which is taken`, async t => {
      t.throws(() => make({ name }), { code: 'FST_NEON_CHECK_EXISTS', message: new RegExp(name) })
    })
  }

  for (const given of [{ name: 'A b' }, { check: 'no' }, { timeoutMs: 0 }, { ttlMs: -1 }]) {
    t.test(`is refused with ${JSON.stringify(given)}`, async t => {
      t.throws(() => make(given), { code: 'FST_NEON_OPTION_INVALID' })
    })
  }
})
