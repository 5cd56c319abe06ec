import t from 'tap'
import { createSharing, type Place } from '../../src/neon/sharing.ts'
import { createManualClock } from './manual-clock.ts'

interface Client {
  isLinked: boolean
  upgradeMs: number
}

function open({ depth = 3, roundTripMs = 0, upgradeMs = 0 } = {}) {
  const clock = createManualClock()
  const sharing = createSharing<Client>({ depth, isUsable: ({ isLinked }) => isLinked, clock })
  if (roundTripMs > 0) sharing.noteRoundTrip(roundTripMs)
  const share = () => sharing.open({ isLinked: true, upgradeMs })
  const joined = () => {
    const place = sharing.join()
    if (place === undefined) throw new Error('no place')
    return place
  }
  /** One flight that is alone on its connection. */
  const fly = async (tookMs: number) => {
    const place = share()
    await clock.pass(tookMs)
    return sharing.leave(place, true)
  }
  return { clock, sharing, share, joined, fly }
}

const isOn = (place: Place<Client> | undefined, other: Place<Client>) => place?.client === other.client

t.test('a flight joins', async t => {
  t.test('nobody when no connection is shared', async t => {
    const { sharing } = open()

    t.equal(sharing.join(), undefined)
  })

  t.test('the connection with the fewest flights', async t => {
    const { sharing, share, joined } = open()
    const first = share()
    const second = share()

    t.ok(isOn(sharing.join(), first))
    const third = joined()
    t.ok(isOn(third, second))
    joined()
    sharing.leave(third, true)

    t.ok(isOn(sharing.join(), second))
    t.strictSame([first.flights, second.flights], [3, 2])
  })

  t.test('no connection that has as many as it may', async t => {
    const { sharing, share } = open({ depth: 2 })
    const place = share()

    t.ok(isOn(sharing.join(), place))
    t.equal(sharing.join(), undefined)

    sharing.leave(place, true)
    t.ok(isOn(sharing.join(), place))
  })

  t.test('nobody where each connection is for one', async t => {
    const { sharing, share } = open({ depth: 1 })
    share()

    t.equal(sharing.join(), undefined)
  })

  t.test('no connection that was closed, or cannot be used any more', async t => {
    const { sharing, share } = open()
    const closed = share()
    const lost = share()

    sharing.close(closed)
    t.ok(isOn(sharing.join(), lost))
    lost.client.isLinked = false
    t.equal(sharing.join(), undefined)
  })

  t.test('no connection whose statement takes long, until it is answered', async t => {
    const { clock, sharing, share } = open()
    const place = share()
    sharing.join()

    await clock.pass(49)
    t.ok(isOn(sharing.join(), place))
    await clock.pass(1)
    t.equal(sharing.join(), undefined)

    sharing.leave(place, true)
    t.ok(isOn(sharing.join(), place))
  })
})

t.test('on a link with a long way', async t => {
  t.test('a flight that is on its way for as long is no slow one', async t => {
    for (const roundTripMs of [20, 60, 200, 500]) {
      const { clock, sharing, share } = open({ roundTripMs })
      share()

      await clock.pass(2 * roundTripMs + 49)
      t.ok(sharing.join(), 'the way there and back, the same again, and what any statement may take')
      await clock.pass(1)
      t.equal(sharing.join(), undefined)
    }
  })

  t.test(
    'one behind others is judged by its own time, although they were answered in one moment',
    async t => {
      const { clock, sharing, share, joined } = open({ depth: 10, roundTripMs: 200 })
      for (let round = 0; round < 20; round += 1) {
        const places = [share(), ...Array.from({ length: 9 }, joined)]
        await clock.pass(200)
        for (const place of places) t.match(sharing.leave(place, true), { wasSlow: false })
      }

      share()
      await clock.pass(249)
      t.ok(sharing.join(), 'alone as well')
    }
  )

  t.test('one that is slow on the server is told from the way to it', async t => {
    const { clock, sharing, share, joined, fly } = open({ roundTripMs: 100 })

    t.match(await fly(249), { wasSlow: false })
    t.match(await fly(250), { wasSlow: true })

    const first = share()
    const second = joined()
    await clock.pass(100)
    t.match(sharing.leave(first, true), { wasSlow: false })
    await clock.pass(150)
    t.equal(sharing.join(), undefined)
    t.match(sharing.leave(second, true), { wasSlow: true })
  })
})

t.test('the round trip', async t => {
  t.test('is that of the fastest answer there was, and not of the last', async t => {
    const { clock, sharing, share, fly } = open()
    for (const tookMs of [1000, 10, 1000]) await fly(tookMs)

    share()
    await clock.pass(69)
    t.ok(sharing.join())
    await clock.pass(1)
    t.equal(sharing.join(), undefined)
  })

  t.test('is known from the beginning, when the first statements are slow', async t => {
    const { fly } = open({ roundTripMs: 10 })

    t.match(await fly(300), { wasSlow: true })
  })

  t.test('follows a path that becomes longer, and at once one that becomes shorter', async t => {
    const { fly } = open({ roundTripMs: 10 })

    t.match(await fly(300), { wasSlow: true })
    for (let ms = 0; ms < 20_000; ms += 300) await fly(300)
    t.match(await fly(300), { wasSlow: false })

    await fly(20)
    t.match(await fly(300), { wasSlow: true })
  })

  t.test('is none of an answer that did not come', async t => {
    const { clock, sharing, share, fly } = open({ roundTripMs: 200 })
    sharing.leave(share(), false)

    share()
    await clock.pass(300)
    t.ok(sharing.join())
    t.match(await fly(200), { wasSlow: false })
  })

  t.test('is no longer than what its connection took for no work, where every statement is slow', async t => {
    const { clock, sharing, share, fly } = open({ roundTripMs: 2, upgradeMs: 2 })

    for (let ms = 0; ms < 30_000; ms += 802) t.match(await fly(802), { wasSlow: true })

    share()
    await clock.pass(54)
    t.equal(sharing.join(), undefined)
  })

  t.test('of before a pause is forgotten', async t => {
    const { clock, fly } = open({ roundTripMs: 2 })
    await clock.pass(20_000)

    for (let times = 0; times < 10; times += 1) t.match(await fly(203), { wasSlow: false })
  })

  t.test('is never so long that every statement would be fast', async t => {
    const { fly } = open()
    for (let times = 0; times < 10; times += 1) await fly(5000)

    t.match(await fly(5000), { wasSlow: true })
  })
})

t.test('a shared connection', async t => {
  t.test('is nobody’s any more when its last flight has ended', async t => {
    const { sharing, share, joined } = open()
    const first = share()
    const second = joined()

    t.match(sharing.leave(first, true), { isLast: false })
    t.match(sharing.leave(second, true), { isLast: true })

    t.equal(sharing.join(), undefined)
  })

  t.test('that is closed is left by those that are on it', async t => {
    const { sharing, share, joined } = open()
    const first = share()
    const second = joined()
    sharing.close(first)

    t.match(sharing.leave(first, true), { isLast: false })
    t.equal(sharing.join(), undefined)
    t.match(sharing.leave(second, true), { isLast: true })
  })

  t.test('is left and closed once by each flight', async t => {
    const { sharing, share } = open()
    const place = share()
    sharing.leave(place, true)

    t.match(sharing.leave(place, true), { isLast: false })
    sharing.close(place)
    t.equal(sharing.join(), undefined)
  })

  t.test('goes by the clock of the system', async t => {
    const sharing = createSharing<Client>({ depth: 2, isUsable: () => true })
    const place = sharing.open({ isLinked: true, upgradeMs: 0 })

    t.ok(isOn(sharing.join(), place))
  })

  t.test('says nothing of the speed of a flight that is given up before its turn', async t => {
    const { clock, sharing, share, joined } = open()
    const first = share()
    const second = joined()

    await clock.pass(80)
    t.match(sharing.leave(second, false), { isLast: false, wasSlow: undefined })
    t.match(sharing.leave(first, true), { isLast: true })
  })
})

t.test('a connection that is always in use comes back to the pool now and then', async t => {
  const { clock, sharing, share, joined } = open()
  let place = share()

  for (let ms = 0; ms < 9999; ms += 33) {
    await clock.pass(33)
    const next = joined()
    sharing.leave(place, true)
    place = next
  }
  await clock.pass(33)

  t.equal(sharing.join(), undefined)
  t.match(sharing.leave(place, true), { isLast: true })
})
