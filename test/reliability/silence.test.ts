import t from 'tap'
import { untilIdleFor } from '../../packages/fastify-neon/test/support/pools.ts'
import type { Fault } from '../../packages/local-neon/src/local-neon.ts'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import { holdStatements } from './support/held.ts'
import { scenario } from './support/scenario.ts'
import type { Service } from './support/service.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })

/** Half-open: neither side is told. The link of the test itself goes on. */
const SILENCE: Fault = {
  type: 'blackhole',
  direction: 'both',
  connections: 'existing',
  where: { applicationName: 'fastify-neon' }
}
const NEVER_MS = 60_000

// Neon's proxy keeps its pongs until the next answer, so it is never judged by them.
const ANSWERED_PINGS = { type: 'ping', answered: 'at-once' } as const

// Ten heartbeats without a statement: the peer has shown that it answers pings.
const PROVEN_MS = 1000

// Without a limit of our own the end comes when ws gives up its close frame, or TCP the segment.
const LONG_BEFORE_TCP_MS = 15_000

for (const direction of ['both', 'to-client'] as const) {
  for (const [what, isDone, send] of [
    ['reads', 200, (service: Service, user: string) => service.read(user)],
    ['writes', 201, (service: Service, user: string) => service.write(user)]
  ] as const) {
    scenario(
      t,
      `a link that falls silent before ${what}, ${direction}`,
      {
        neon,
        limits: { max: 1, statementTimeoutMs: 1000, checkoutTimeoutMs: 10_000, heartbeatIntervalMs: NEVER_MS }
      },
      async (t, service) => {
        neon.inject({ ...SILENCE, direction })

        const startedAt = performance.now()
        const answers = await Promise.all(['alice', 'bob', 'carol'].map(user => send(service, user)))

        const [first, ...others] = answers.filter(({ status }) => status !== isDone)
        t.match(first, { status: 503, code: 'FST_NEON_STATEMENT_TIMEOUT' })
        t.strictSame(others, [], 'who waits for the one client gets another')
        t.ok(performance.now() - startedAt < LONG_BEFORE_TCP_MS)
        t.equal(service.stats().connects, 2)
      }
    )
  }
}

scenario(
  t,
  'links that fall silent in the middle of statements, with heartbeats',
  { neon, limits: { statementTimeoutMs: NEVER_MS, heartbeatIntervalMs: 100 } },
  async (t, service) => {
    neon.inject(ANSWERED_PINGS)
    const send = () => [service.read('alice'), service.write('bob')] as const
    // Held, so that each has a connection of its own, which is there long enough to be proven.
    const first = await holdStatements(t, service, send)
    await first.release()
    await first.answers
    await untilIdleFor(PROVEN_MS)
    const { answers, release } = await holdStatements(t, service, send)

    neon.inject(SILENCE)
    await until(() => service.stats().clientsLost >= 1)
    await release()

    const [read, write] = await answers
    t.equal(read.status, 200, 'is read again long before the deadline of the statement')
    t.equal(write.status, 201, 'is run again, since COMMIT was not sent')
  }
)

scenario(
  t,
  'free links that fall silent',
  { neon, limits: { heartbeatIntervalMs: 100 } },
  async (t, service) => {
    neon.inject(ANSWERED_PINGS)
    await untilIdleFor(PROVEN_MS)
    neon.inject(SILENCE)
    await until(() => service.stats().total === 0)

    const answers = await Promise.all([service.read('alice'), service.write('alice')])

    t.strictSame(
      answers.map(({ status }) => status),
      [200, 201],
      'nobody who comes later sees it'
    )
    t.equal(service.stats().clientsLost, 1)
    t.equal(service.logs.filter(({ msg }) => msg === 'idle database client lost').length, 1)
  }
)

scenario(
  t,
  'a network in which nothing arrives',
  { neon, limits: { connectTimeoutMs: 1000, statementTimeoutMs: 1000, heartbeatIntervalMs: 100 } },
  async (t, service) => {
    neon.inject(ANSWERED_PINGS)
    await untilIdleFor(PROVEN_MS)
    neon.inject({ type: 'blackhole', direction: 'both', connections: 'all' })
    await until(() => service.stats().total === 0)

    const startedAt = performance.now()
    const answers = await Promise.all([service.read('alice'), service.write('alice')])

    for (const { status, code, headers } of answers) {
      t.match({ status, code }, { status: 503, code: 'FST_NEON_UNREACHABLE' })
      t.match(headers?.get('retry-after'), /^[123]$/)
    }
    t.ok(performance.now() - startedAt < LONG_BEFORE_TCP_MS)
  }
)
