import t from 'tap'
import { createSharing, type Shared } from '../../src/neon/sharing.ts'
import { createManualClock } from './manual-clock.ts'

interface Client {
  isLinked: boolean
}

function open(depth = 3) {
  const clock = createManualClock()
  const sharing = createSharing<Client>({ depth, isUsable: ({ isLinked }) => isLinked, clock })
  const share = () => sharing.open({ isLinked: true })
  return { clock, sharing, share }
}

t.test('a flight joins', async t => {
  t.test('nobody when no connection is shared', async t => {
    const { sharing } = open()

    t.equal(sharing.join(), undefined)
  })

  t.test('the connection with the fewest flights', async t => {
    const { sharing, share } = open()
    const first = share()
    const second = share()

    t.equal(sharing.join(), first)
    t.equal(sharing.join(), second)
    sharing.join()
    sharing.leave(second)

    t.equal(sharing.join(), second)
    t.strictSame([first.flights, second.flights], [3, 2])
  })

  t.test('no connection that has as many as it may', async t => {
    const { sharing, share } = open(2)
    const shared = share()

    t.equal(sharing.join(), shared)
    t.equal(sharing.join(), undefined)

    sharing.leave(shared)
    t.equal(sharing.join(), shared)
  })

  t.test('nobody where each connection is for one', async t => {
    const { sharing, share } = open(1)
    share()

    t.equal(sharing.join(), undefined)
  })

  t.test('no connection that was closed, or cannot be used any more', async t => {
    const { sharing, share } = open()
    const closed = share()
    const lost = share()

    sharing.close(closed)
    t.equal(sharing.join(), lost)
    lost.client.isLinked = false
    t.equal(sharing.join(), undefined)
  })

  t.test('no connection whose statement takes long, until it is answered', async t => {
    const { clock, sharing, share } = open()
    const shared = share()
    sharing.join()

    await clock.pass(49)
    t.equal(sharing.join(), shared)
    await clock.pass(1)
    t.equal(sharing.join(), undefined)

    sharing.leave(shared)
    t.equal(sharing.join(), shared)
  })

  t.test('a connection on a slow link for longer', async t => {
    const { clock, sharing, share } = open()
    const first = share()
    await clock.pass(100)
    sharing.leave(first)

    const second = share()
    await clock.pass(249)
    t.equal(sharing.join(), second, 'twice as long as the fastest one took, and then some')
    await clock.pass(1)
    t.equal(sharing.join(), undefined)
  })

  t.test('a connection by the fastest answer there was, and not by the last', async t => {
    const { clock, sharing, share } = open()
    for (const answerMs of [10, 1000]) {
      const shared = share()
      await clock.pass(answerMs)
      sharing.leave(shared)
    }

    const shared = share()
    await clock.pass(69)
    t.equal(sharing.join(), shared)
    await clock.pass(1)
    t.equal(sharing.join(), undefined)
  })
})

t.test('a shared connection', async t => {
  t.test('is nobody’s any more when its last flight has ended', async t => {
    const { sharing, share } = open()
    const shared = share()
    sharing.join()

    t.match(sharing.leave(shared), { isLast: false })
    t.match(sharing.leave(shared), { isLast: true })

    t.equal(sharing.join(), undefined)
  })

  t.test('that is closed is left by those that are on it', async t => {
    const { sharing, share } = open()
    const shared = share()
    sharing.join()
    sharing.close(shared)

    t.match(sharing.leave(shared), { isLast: false })
    t.equal(sharing.join(), undefined)
    t.match(sharing.leave(shared), { isLast: true })
  })

  t.test('is left and closed only while it is shared', async t => {
    const { sharing, share } = open()
    const shared = share()
    sharing.leave(shared)
    const stranger: Shared<Client> = { client: { isLinked: true }, flights: 1 }

    t.match(sharing.leave(shared), { isLast: false })
    t.match(sharing.leave(stranger), { isLast: false })
    sharing.close(stranger)
    t.equal(sharing.join(), undefined)
  })

  t.test('goes by the clock of the system', async t => {
    const sharing = createSharing<Client>({ depth: 2, isUsable: () => true })
    const shared = sharing.open({ isLinked: true })

    t.equal(sharing.join(), shared)
  })

  t.test('tells whether the flight that has ended would have kept others waiting', async t => {
    const { clock, sharing, share } = open()
    const shared = share()
    sharing.join()
    sharing.join()

    await clock.pass(20)
    t.match(sharing.leave(shared), { wasSlow: false })
    await clock.pass(89)
    t.match(sharing.leave(shared), { wasSlow: false }, 'a link that takes 20 ms is no slow statement')
    await clock.pass(90)
    t.match(sharing.leave(shared), { wasSlow: true })
  })
})

t.test('a connection that is always in use comes back to the pool now and then', async t => {
  const { clock, sharing, share } = open()
  const shared = share()

  for (let ms = 0; ms < 9999; ms += 33) {
    await clock.pass(33)
    t.ok(sharing.join())
    sharing.leave(shared)
  }
  await clock.pass(33)

  t.equal(sharing.join(), undefined)
  t.match(sharing.leave(shared), { isLast: true })
})
