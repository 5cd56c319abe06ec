import { setImmediate as nextTurn } from 'node:timers/promises'
import { DatabaseError } from '@neondatabase/serverless'
import t from 'tap'
import { type ConnectorOptions, createConnector } from '../../../src/pool/connections/connector.ts'
import { createManualClock } from '../../support/manual-clock.ts'

const BUDGET_MS = 1000
const MAX = 10

/** A connector whose tries end when the test says so. */
function setUp(options: Partial<ConnectorOptions<string>> = {}) {
  const clock = createManualClock()
  const tries: { signal: AbortSignal; succeed: (name: string) => Promise<void>; fail: typeof fail }[] = []
  const open = new Set<string>()
  const pauses: number[] = []
  const surplus: string[] = []
  const connector = createConnector<string>({
    connect: signal =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')))
        tries.push({
          signal,
          succeed: name => {
            resolve(name)
            return nextTurn()
          },
          fail: error => {
            reject(error)
            return nextTurn()
          }
        })
      }),
    open: () => open.size,
    max: MAX,
    budgetMs: BUDGET_MS,
    onConnected: client => open.add(client),
    onRetry: (_failure, delayMs) => pauses.push(delayMs),
    onSurplus: client => surplus.push(client),
    clock,
    random: () => 0,
    ...options
  })
  return { connector, clock, tries, open, pauses, surplus }

  function fail(_error: unknown): Promise<void> {
    return nextTurn()
  }
}

const network = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const wrongPassword = () =>
  Object.assign(new DatabaseError("password authentication failed for user 'u'", 1, 'error'), {
    code: 'XX000'
  })
const outcome = (waiting: Promise<unknown>) =>
  waiting.then(
    client => client,
    ({ code }: { code: string }) => code
  )

t.test('the connector', async t => {
  t.test('makes one try for all who come while there is no connection', async t => {
    const { connector, tries } = setUp()

    const waiting = Array.from({ length: 50 }, () => outcome(connector.next()))
    await nextTurn()

    t.equal(tries.length, 1)
    t.equal(connector.connecting, 1)
    connector.close()
    t.strictSame(new Set(await Promise.all(waiting)), new Set(['FST_NEON_CLOSED']))
  })

  t.test('doubles its tries with each success, and makes no more than there is room for', async t => {
    const { connector, tries } = setUp({ max: 4 })
    const served: unknown[] = []
    for (let number = 0; number < 9; number += 1)
      connector.next().then(
        client => served.push(client),
        () => {}
      )
    await nextTurn()

    await tries[0]?.succeed('a')
    t.equal(tries.length, 3, 'two at once')
    await tries[1]?.succeed('b')
    t.equal(tries.length, 4, 'and no more than four in all')
    await tries[2]?.succeed('c')
    await tries[3]?.succeed('d')

    t.strictSame(served, ['a', 'b', 'c', 'd'])
    t.equal(tries.length, 4)
    connector.close()
  })

  t.test('serves in order, with a new connection or one that comes free before', async t => {
    const { connector, tries, surplus } = setUp()
    const first = connector.next()
    const second = connector.next()
    await nextTurn()

    t.ok(connector.offer('used'))
    await tries[0]?.succeed('new')

    t.strictSame([await first, await second], ['used', 'new'])
    t.notOk(connector.offer('unwanted'))
    t.strictSame(surplus, [])
    connector.close()
  })

  t.test('tries again after a pause, longer each time, and the caller sees only the success', async t => {
    const { connector, tries, clock, pauses } = setUp()
    const waiting = connector.next()
    await nextTurn()

    await tries[0]?.fail(network())
    await clock.pass(50)
    await tries[1]?.fail(network())
    await clock.pass(100)
    await tries[2]?.succeed('late')

    t.equal(await waiting, 'late')
    t.strictSame(pauses, [50, 100])
    t.equal(clock.timers, 0)
  })

  t.test('tries once and refuses at once what cannot heal, and then once a second', async t => {
    const { connector, tries, clock } = setUp()
    const waiting = [outcome(connector.next()), outcome(connector.next())]
    await nextTurn()

    await tries[0]?.fail(wrongPassword())
    t.strictSame(await Promise.all(waiting), ['FST_NEON_REFUSED', 'FST_NEON_REFUSED'])
    t.equal(await outcome(connector.next()), 'FST_NEON_REFUSED')
    t.equal(tries.length, 1)

    await clock.pass(1000)
    const rotated = connector.next()
    await nextTurn()
    await tries[1]?.succeed('with the new password')
    t.equal(await rotated, 'with the new password')
  })

  t.test('ends each wait at its limit, with the last error as the cause', async t => {
    const { connector, tries, clock } = setUp({ random: () => 0.99 })
    const waiting = t.rejects(connector.next(), {
      code: 'FST_NEON_UNREACHABLE',
      cause: { code: 'ECONNREFUSED' }
    })
    await nextTurn()

    await tries[0]?.fail(network())
    await clock.pass(BUDGET_MS - 1)
    t.equal(tries.at(-1)?.signal.aborted, false)
    await clock.pass(1)

    await waiting
    connector.close()
  })

  t.test('ends a try that gets no answer at its limit', async t => {
    const { connector, tries, clock } = setUp()
    const waiting = outcome(connector.next())
    await nextTurn()

    await clock.pass(BUDGET_MS)

    t.equal(await waiting, 'FST_NEON_UNREACHABLE')
    t.ok(tries[0]?.signal.aborted)
    t.equal(connector.connecting, 0)
    connector.close()
    t.equal(clock.timers, 0)
  })

  t.test('answers at once in an outage longer than its limit, but for one try after each pause', async t => {
    const { connector, tries, clock } = setUp()
    const first = outcome(connector.next())
    await nextTurn()
    await tries[0]?.fail(network())
    await clock.pass(BUDGET_MS)
    await tries.at(-1)?.fail(network())
    t.equal(await first, 'FST_NEON_UNREACHABLE')
    const before = tries.length

    const refused = await Promise.all([outcome(connector.next()), outcome(connector.next())])
    t.strictSame(refused, ['FST_NEON_UNREACHABLE', 'FST_NEON_UNREACHABLE'])
    t.equal(tries.length, before, 'and nobody tried')

    await clock.pass(5000)
    const probes = [connector.next(), connector.next()]
    await nextTurn()
    t.equal(tries.length, before + 1)
    await tries.at(-1)?.succeed('healed')
    t.equal(await probes[0], 'healed')
    connector.close()
    t.equal(await outcome(probes[1] ?? Promise.resolve()), 'FST_NEON_CLOSED')
  })

  t.test('refuses all who wait at the first failure when it is to have no patience', async t => {
    const { connector, tries, clock, pauses } = setUp({ patienceMs: 0 })
    const waiting = [outcome(connector.next()), outcome(connector.next())]
    await nextTurn()

    await tries[0]?.fail(network())

    t.strictSame(await Promise.all(waiting), ['FST_NEON_UNREACHABLE', 'FST_NEON_UNREACHABLE'])
    t.equal(await outcome(connector.next()), 'FST_NEON_UNREACHABLE')
    t.equal(tries.length, 1)
    t.strictSame(pauses, [])
    await clock.pass(5000)
    const next = connector.next()
    await nextTurn()
    await tries[1]?.succeed('healed')
    t.equal(await next, 'healed')
    connector.close()
  })

  t.test('counts tries that fail side by side as one failure', async t => {
    const { connector, tries, pauses } = setUp()
    for (let number = 0; number < 4; number += 1) connector.next().catch(() => {})
    await nextTurn()
    await tries[0]?.succeed('a')

    await Promise.all([tries[1]?.fail(network()), tries[2]?.fail(network())])

    t.strictSame(pauses, [50])
    connector.close()
  })

  t.test('forgets who gives up, and keeps the connection for the next', async t => {
    const { connector, tries, surplus } = setUp()
    const controller = new AbortController()
    const given = outcome(connector.next(controller.signal))
    await nextTurn()

    controller.abort()
    t.equal(await given, 'FST_NEON_ABORTED')
    await tries[0]?.succeed('unclaimed')

    t.strictSame(surplus, ['unclaimed'])
    t.equal(await outcome(connector.next(controller.signal)), 'FST_NEON_ABORTED')
    t.equal(tries.length, 1)
  })

  t.test('ends its tries when it is closed', async t => {
    const { connector, tries, clock } = setUp()
    const waiting = outcome(connector.next())
    await nextTurn()

    connector.close()

    t.equal(await waiting, 'FST_NEON_CLOSED')
    t.ok(tries[0]?.signal.aborted)
    await nextTurn()
    t.equal(await outcome(connector.next()), 'FST_NEON_CLOSED')
    t.equal(clock.timers, 0)
    t.equal(tries.length, 1)
  })

  t.test('leaves no timer behind when it is closed in a pause', async t => {
    const { connector, tries, clock } = setUp()
    const waiting = outcome(connector.next())
    await nextTurn()
    await tries[0]?.fail(network())

    connector.close()

    t.equal(await waiting, 'FST_NEON_CLOSED')
    t.equal(clock.timers, 0)
  })
})
