import t from 'tap'
import { systemClock } from '../src/clock.ts'
import { resolveOptions } from '../src/options.ts'

t.test('the options of a local Neon', async t => {
  t.test('have the defaults of Neon', async t => {
    t.match(resolveOptions({}), {
      port: 0,
      controlPort: undefined,
      suspendAfterMs: 300_000,
      wakeDelayMs: 300,
      wakeJitterMs: 100,
      endpoints: ['ep-local'],
      tls: 'off',
      clock: systemClock
    })
  })

  t.test('flush to disk in a folder that stays, unless told otherwise', async t => {
    t.equal(resolveOptions({}).fsync, false)
    t.equal(resolveOptions({ directory: '/a' }).fsync, true)
    t.equal(resolveOptions({ directory: '/a', fsync: false }).fsync, false)
  })

  t.test('are refused by name when they cannot be', async t => {
    for (const [options, message] of [
      [{ suspendAfterMs: -1 }, /^suspendAfterMs must be from 0/],
      [{ wakeDelayMs: Number.NaN }, /^wakeDelayMs/],
      [{ wakeJitterMs: Number.POSITIVE_INFINITY }, /^wakeJitterMs/],
      [{ endpoints: ['ep-a-pooler'] }, /without -pooler: not "ep-a-pooler"/],
      [{ endpoints: ['Ep A'] }, /an endpoint is named like a host/]
    ] as const) {
      t.throws(() => resolveOptions(options), { code: 'LOCAL_NEON_OPTION_INVALID', message })
    }
  })
})
