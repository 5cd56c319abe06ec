import t from 'tap'
import type { LocalNeonEvent } from '../../src/events.ts'
import type { Fault } from '../../src/faults/fault.ts'
import { type ConnectionFacts, createFaults, type Faults } from '../../src/faults/registry.ts'
import { createManualClock } from '../fixtures/manual-clock.ts'

t.test('the faults', async t => {
  t.test('are there until they are removed', async t => {
    const { faults } = track()
    const before = faults.areThere

    const injection = faults.inject({ type: 'garble' })
    const listed = faults.list()
    injection.remove()

    t.equal(before, false)
    t.match(listed, [{ id: injection.id, fault: { type: 'garble' }, hits: 0 }])
    t.strictSame(faults.list(), [])
    t.equal(faults.areThere, false)
  })

  t.test('are refused when they do not exist', async t => {
    const { faults, changes } = track()

    t.throws(() => faults.inject({ type: 'garble', times: 0 }), { code: 'LOCAL_NEON_FAULT_INVALID' })

    t.strictSame(faults.list(), [])
    t.strictSame(changes, [])
  })

  t.test('have ids of their own', async t => {
    const { faults } = track()

    const ids = [faults.inject({ type: 'garble' }).id, faults.inject({ type: 'garble' }).id]

    t.equal(new Set(ids).size, 2)
    t.ok(ids.every(id => /^garble-\d+$/.test(id)))
  })

  t.test('are told of when they come and go, once each', async t => {
    const { faults, changes } = track()
    const fault: Fault = { type: 'garble' }

    const injection = faults.inject(fault)
    injection.remove()
    injection.remove()
    faults.inject({ type: 'truncate' })
    faults.clear()

    t.strictSame(changes, [fault, undefined, { type: 'truncate' }, undefined])
  })

  t.test('are all gone at once', async t => {
    const { faults } = track()
    faults.inject({ type: 'garble' })
    const injection = faults.inject({ type: 'truncate' })

    faults.clear()
    injection.remove()

    t.strictSame(faults.list(), [])
    t.equal(faults.meet('truncate', subject(faults)), undefined)
  })
})

t.test('a fault is met', async t => {
  t.test('by those it is for, with a count and an event each', async t => {
    const { faults, events } = track()
    const fault: Fault = { type: 'login', message: 'control-plane', where: { user: 'alex' } }
    const injection = faults.inject(fault)

    const met = [{ user: 'alex' }, { user: 'sam' }, {}, { user: 'alex' }].map(facts =>
      faults.meet('login', subject(faults, facts))
    )

    t.strictSame(met, [fault, undefined, undefined, fault])
    t.equal(injection.hits, 2)
    t.strictSame(events, [
      { type: 'fault', fault: 'login', id: injection.id, hits: 1 },
      { type: 'fault', fault: 'login', id: injection.id, hits: 2 }
    ])
  })

  t.test('by everybody when its limit says nothing', async t => {
    const { faults } = track()
    faults.inject({ type: 'garble', where: { user: undefined } })

    t.ok(faults.meet('garble', subject(faults, { user: 'alex' })))
  })

  t.test('by nobody else', async t => {
    const { faults } = track()
    faults.inject({ type: 'garble' })

    t.equal(faults.meet('truncate', subject(faults)), undefined)
  })

  t.test('after those whom it lets go by, so many times', async t => {
    const { faults } = track()
    const injection = faults.inject({ type: 'garble', after: 2, times: 2 })

    const met = Array.from({ length: 6 }, () => faults.meet('garble', subject(faults)) !== undefined)

    t.strictSame(met, [false, false, true, true, false, false])
    t.equal(injection.hits, 2)
  })

  t.test('only where it applies, and others do not count as gone by', async t => {
    const { faults } = track()
    faults.inject({ type: 'commit', lose: 'request', after: 1 })
    const isRequest = ({ lose }: { lose: string }) => lose === 'request'

    const others = [1, 2].map(() => faults.meet('commit', subject(faults), () => false))
    const met = [1, 2].map(() => faults.meet('commit', subject(faults), isRequest) !== undefined)

    t.strictSame(others, [undefined, undefined])
    t.strictSame(met, [false, true])
  })

  t.test('before those of the same kind that came later', async t => {
    const { faults } = track()
    faults.inject({ type: 'login', message: 'the first', times: 1 })
    faults.inject({ type: 'login', message: 'the second' })

    const met = [1, 2].map(() => faults.meet('login', subject(faults))?.message)

    t.strictSame(met, ['the first', 'the second'])
  })
})

t.test('a fault that holds', async t => {
  t.test('counts a connection once, however often it is asked for', async t => {
    const { faults } = track()
    const injection = faults.inject({ type: 'latency', toServerMs: 1 })
    const connection = subject(faults)

    const found = [1, 2, 3].map(() => faults.holding('latency', connection).length)

    t.strictSame(found, [1, 1, 1])
    t.equal(injection.hits, 1)
  })

  t.test('is one of all that are for the connection', async t => {
    const { faults } = track()
    faults.inject({ type: 'latency', toServerMs: 1 })
    faults.inject({ type: 'garble' })
    faults.inject({ type: 'latency', toServerMs: 2, where: { user: 'sam' } })
    faults.inject({ type: 'latency', toServerMs: 3 })

    const found = faults.holding('latency', subject(faults, { user: 'alex' }))

    t.strictSame(
      found.map(({ toServerMs }) => toServerMs),
      [1, 3]
    )
  })

  t.test('stays with the connections that it has met when it is spent', async t => {
    const { faults } = track()
    faults.inject({ type: 'latency', times: 1 })
    const first = subject(faults)
    const second = subject(faults)

    const found = [first, second, first, second].map(
      connection => faults.holding('latency', connection).length
    )

    t.strictSame(found, [1, 0, 1, 0])
  })

  t.test('lets connections go by, not looks at them', async t => {
    const { faults } = track()
    faults.inject({ type: 'latency', after: 1 })
    const first = subject(faults)
    const second = subject(faults)

    const found = [first, first, second, first, second].map(
      connection => faults.holding('latency', connection).length
    )

    t.strictSame(found, [0, 0, 1, 0, 1])
  })

  t.test('is there for a connection as soon as that is known to be meant', async t => {
    const { faults } = track()
    faults.inject({ type: 'latency', where: { user: 'alex' } })
    const connection = { facts: {} as ConnectionFacts, ticket: faults.ticket() }
    const before = faults.holding('latency', connection).length

    connection.facts.user = 'alex'

    t.equal(before, 0)
    t.equal(faults.holding('latency', connection).length, 1)
  })

  for (const [connections, expected] of [
    ['new', [0, 1]],
    ['existing', [1, 0]],
    ['all', [1, 1]],
    [undefined, [1, 1]]
  ] as const) {
    t.test(`is for the old and the new connection as told: ${connections}`, async t => {
      const { faults } = track()
      const old = subject(faults)
      faults.inject({ type: 'latency', connections })
      const fresh = subject(faults)

      const found = [old, fresh].map(connection => faults.holding('latency', connection).length)

      t.strictSame(found, expected)
    })
  }
})

t.test('a fault with an end', async t => {
  t.test('is undone by itself after its time, and told of once', async t => {
    const { faults, changes, clock } = track()
    const fault: Fault = { type: 'hang', forMs: 100 }
    faults.inject(fault)

    await clock.advance(99)
    t.equal(faults.list().length, 1)
    await clock.advance(1)

    t.strictSame(faults.list(), [])
    t.strictSame(changes, [fault, undefined])
  })

  t.test('leaves no timer when it is removed before, or with all others', async t => {
    const { faults, clock } = track()
    const first = faults.inject({ type: 'hang', forMs: 100 })
    faults.inject({ type: 'garble', forMs: 200 })
    t.equal(clock.sleepers, 2)

    first.remove()
    t.equal(clock.sleepers, 1)
    faults.clear()

    t.equal(clock.sleepers, 0)
  })
})

function track() {
  const clock = createManualClock()
  const events: LocalNeonEvent[] = []
  const changes: Array<Fault | undefined> = []
  const faults = createFaults(
    event => events.push(event),
    fault => changes.push(fault),
    clock
  )
  return { faults, events, changes, clock }
}

function subject(faults: Faults, facts: ConnectionFacts = {}) {
  return { facts, ticket: faults.ticket() }
}
