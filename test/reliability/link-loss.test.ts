import t from 'tap'
import type { Fault } from '../../packages/local-neon/src/local-neon.ts'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import { countWaiting } from '../support/postgres.ts'
import { holdStatements } from './support/held.ts'
import { scenario } from './support/scenario.ts'
import type { Service } from './support/service.ts'
import { openFront } from './support/tamper.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })

/** And not the link that holds the table. */
const SERVICE = { applicationName: 'fastify-neon' }

const ENDS: readonly [string, Fault][] = [
  ['a reset', { type: 'reset' }],
  ['a FIN without a close frame', { type: 'close' }],
  ['a close frame with 1000', { type: 'close', code: 1000 }],
  ['a close frame with 1001', { type: 'close', code: 1001 }],
  ['a close frame with 1011', { type: 'close', code: 1011 }]
]

for (const [name, fault] of ENDS) {
  scenario(t, `a read and a write whose link ends by ${name}`, { neon }, async (t, service) => {
    const { answers, release } = await holdStatements(t, service, () => [
      service.read('alice'),
      service.write('bob')
    ])

    neon.inject({ ...fault, where: SERVICE })
    await until(() => service.stats().clientsLost >= 1)
    await release()

    const [read, write] = await answers
    t.equal(read.status, 200, 'is read again, on another connection')
    t.equal(write.status, 201, 'is run again, since nothing of it was committed')
    t.equal(service.stats().transactionRepeats, 2)
  })
}

scenario(t, 'links that end each time a transaction is run', { neon }, async (t, service) => {
  const { answers, release } = await holdStatements(t, service, () => [service.write('bob')])

  for (let runs = 1; runs <= 3; runs += 1) {
    await until(
      async () =>
        service.stats().transactionRepeats === runs - 1 && (await countWaiting(service.databaseUrl)) === 1
    )
    await neon.killBackends(SERVICE)
  }
  await until(async () => (await countWaiting(service.databaseUrl)) === 0)
  await release()

  const [write] = await answers
  t.match(write, { status: 503, code: 'FST_NEON_CONNECTION_LOST' })
  t.equal(write.headers?.get('retry-after'), null, 'without a key it might be done twice')
})

// All wait on the server before the first is let go.
const limits = { statementTimeoutMs: 10_000 }

scenario(
  t,
  'a compute that suspends while all connections are free',
  { neon, limits },
  async (t, service) => {
    await connectAll(service)

    await neon.suspend()
    await until(() => service.stats().total === 0)

    t.match(service.stats(), { clientsLost: 1, clientsEvicted: 4 })
    t.equal(linesOf(service, 'idle database client lost'), 1, 'one line for all')
    t.equal((await service.read('alice')).status, 200, 'wakes it')
    t.equal((await service.write('alice')).status, 201)
  }
)

const front = await openFront(t, neon)

scenario(
  t,
  'free links that are dead, which shows only when one is used',
  { neon, databaseUrl: front.through, limits },
  async (t, service) => {
    const { backends } = await connectAll(service)
    front.dropOnUse()

    const first = await service.read('alice')
    await until(() => service.stats().total === 1)
    const others = await Promise.all([service.read('bob'), service.write('bob'), service.read('carol')])

    t.equal(first.status, 200, 'is read again, on a connection that is new')
    t.strictSame(
      others.map(({ status }) => status),
      [200, 201, 200]
    )
    t.match(service.stats(), { clientsLost: 1, clientsEvicted: backends - 1, transactionRepeats: 1 })
  }
)

scenario(t, 'a network that comes and goes', { neon, limits }, async (t, service) => {
  const over = new AbortController()
  const answers: { status?: number; code?: string | undefined; headers?: Headers }[] = []
  const users = ['alice', 'bob', 'carol'].map(async user => {
    while (!over.signal.aborted) answers.push(await service.read(user), await service.write(user))
  })

  for (let flaps = 0; flaps < 8; flaps += 1) {
    const down = neon.inject({ type: 'upgrade', status: 503 })
    neon.inject({ type: 'reset' })
    await until(() => down.hits > 0)
    down.remove()
    const { checkouts } = service.stats()
    await until(() => service.stats().checkouts > checkouts)
  }
  over.abort()
  await Promise.all(users)

  for (const { status = 0, code, headers } of answers.filter(({ status = 0 }) => status >= 400)) {
    t.equal(status, 503)
    t.match(code, /^FST_NEON_(?:UNREACHABLE|CONNECTION_LOST|COMMIT_OUTCOME_UNKNOWN)$/)
    if (code === 'FST_NEON_UNREACHABLE') t.match(headers?.get('retry-after'), /^[123]$/)
  }
  t.ok(answers.some(({ status }) => status === 200 || status === 201))
})

/** As many connections as the pool may have, all free. A user for each, since none has all of them. */
async function connectAll(service: Service) {
  const backends = 5
  const { answers, release } = await holdStatements(t, service, () =>
    Array.from({ length: backends }, (_, index) => service.read(`user ${index}`))
  )
  await release()
  await answers
  await until(() => service.stats().idle === backends)
  return { backends }
}

function linesOf({ logs }: Service, message: string) {
  return logs.filter(({ msg }) => msg === message).length
}
