import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import { holdStatements } from './support/held.ts'
import { scenario } from './support/scenario.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })

const HOUR_MS = 3_600_000
const NEVER_MS = 60_000

for (const [name, jumpMs] of [
  ['forward', HOUR_MS],
  ['back', -HOUR_MS]
] as const) {
  scenario(
    t,
    `a clock that jumps an hour ${name}`,
    { neon, limits: { heartbeatIntervalMs: 100, connectTimeoutMs: NEVER_MS } },
    async (t, service) => {
      const { answers, release } = await holdStatements(t, service, () => [
        service.read('alice'),
        service.write('bob')
      ])
      const { connects } = service.stats()

      jump(t, jumpMs)
      await release()
      for (const { status } of await answers) t.ok(status === 200 || status === 201)
      t.equal((await service.read('alice')).status, 200)
      t.match(service.stats(), { connects, total: connects, clientsLost: 0, clientsEvicted: 0 })

      const down = neon.inject({ type: 'upgrade', status: 503 })
      await neon.killBackends()
      const waiting = service.read('alice')
      await until(() => down.hits > 0)
      jump(t, jumpMs)
      await until(() => down.hits > 1)
      down.remove()
      t.equal((await waiting).status, 200, 'who waits for a connection waits on')
    }
  )
}

scenario(
  t,
  'a process that is held up for two seconds',
  { neon, limits: { heartbeatIntervalMs: 100, statementTimeoutMs: NEVER_MS } },
  async (t, service) => {
    const { answers, release } = await holdStatements(t, service, () => [
      service.read('alice'),
      service.write('bob')
    ])
    const { connects } = service.stats()

    block(2000)
    await nextTurn()
    block(500)
    await release()

    const [read, write] = await answers
    t.strictSame([read.status, write.status], [200, 201])
    t.equal((await service.read('alice')).status, 200)
    t.match(service.stats(), { connects, clientsLost: 0, statementsCancelled: 0, transactionRepeats: 0 })
  }
)

/** Only `Date.now`: the tokens of the test are still valid. Ends with the test. */
function jump(t: Test, ms: number) {
  const now = Date.now
  Date.now = () => now() + ms
  t.teardown(() => {
    Date.now = now
  })
}

function block(ms: number) {
  const end = performance.now() + ms
  while (performance.now() < end);
}
