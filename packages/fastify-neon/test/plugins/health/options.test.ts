import t from 'tap'
import { HEALTH_DEFAULTS, type HealthOptions, healthOptions } from '../../../src/plugins/health/options.ts'

const WRONG: { title: string; options: Record<string, unknown>; message: RegExp }[] = [
  {
    title: 'a mode that there is not',
    options: { mode: 'active' },
    message: /mode must be one of passive, interval, off/
  },
  {
    title: 'a policy that there is not',
    options: { onDatabaseDown: 'ignore' },
    message: /onDatabaseDown must be one of/
  },
  { title: 'an interval of less than a second', options: { intervalMs: 999 }, message: /intervalMs/ },
  { title: 'no time to be recent', options: { idleAfterMs: 0 }, message: /idleAfterMs/ },
  { title: 'a limit that is no number', options: { probeTimeoutMs: '2s' }, message: /probeTimeoutMs/ },
  { title: 'a negative time', options: { restartWhenWedgedMs: -1 }, message: /restartWhenWedgedMs/ },
  { title: 'a prefix that ends with /', options: { prefix: '/internal/' }, message: /prefix/ },
  { title: 'a path without /', options: { livePath: 'livez' }, message: /livePath/ },
  { title: 'a path with a parameter', options: { readyPath: '/:any' }, message: /readyPath/ },
  { title: 'a port that there is not', options: { listen: { port: 65_536 } }, message: /listen.port/ },
  { title: 'one path for two', options: { livePath: '/readyz' }, message: /differ/ },
  {
    title: 'a token that can be guessed',
    options: { token: 'secret' },
    message: /token must have at least 16/
  },
  {
    title: 'two ways to be an operator',
    options: { token: 'x'.repeat(16), authorize: () => true },
    message: /not both/
  }
]

t.test('options of the health plugin', async t => {
  t.test('have a default each', async t => {
    t.strictSame(healthOptions({}), HEALTH_DEFAULTS)
    t.strictSame(healthOptions({ prefix: undefined } as unknown as HealthOptions), HEALTH_DEFAULTS)
    t.match(healthOptions({ prefix: '/internal', mode: 'off', token: 'x'.repeat(16) }), {
      prefix: '/internal',
      mode: 'off'
    })
  })

  for (const { title, options, message } of WRONG) {
    t.test(`are refused with ${title}`, async t => {
      t.throws(() => healthOptions(options), { code: 'FST_NEON_OPTION_INVALID', message })
    })
  }
})
