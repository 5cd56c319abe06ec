import t from 'tap'
import { createMultiplexing, type Place } from '../../src/pool/multiplexing.ts'
import { createManualClock } from '../support/manual-clock.ts'

interface Client {
  isConnected: boolean
  upgradeMs: number
}

function open({ depth = 3, roundTripMs = 0, upgradeMs = 0 } = {}) {
  const clock = createManualClock()
  const maxPipelined = createMultiplexing<Client>({
    depth,
    isUsable: ({ isConnected }) => isConnected,
    clock
  })
  if (roundTripMs > 0) maxPipelined.noteRoundTrip(roundTripMs)
  const share = () => maxPipelined.open({ isConnected: true, upgradeMs })
  const joined = () => {
    const place = maxPipelined.join()
    if (place === undefined) throw new Error('no place')
    return place
  }
  /** One pipeline that is alone on its connection. */
  const fly = async (tookMs: number) => {
    const place = share()
    await clock.pass(tookMs)
    return maxPipelined.leave(place, true)
  }
  return { clock, maxPipelined, share, joined, fly }
}

const isOn = (place: Place<Client> | undefined, other: Place<Client>) => place?.client === other.client

t.test('a pipeline joins', async t => {
  t.test('nobody when no connection is shared', async t => {
    const { maxPipelined } = open()

    t.equal(maxPipelined.join(), undefined)
  })

  t.test('the connection with the fewest pipelines', async t => {
    const { maxPipelined, share, joined } = open()
    const first = share()
    const second = share()

    t.ok(isOn(maxPipelined.join(), first))
    const third = joined()
    t.ok(isOn(third, second))
    joined()
    maxPipelined.leave(third, true)

    t.ok(isOn(maxPipelined.join(), second))
    t.strictSame([first.pipelines, second.pipelines], [3, 2])
  })

  t.test('no connection that has as many as it may', async t => {
    const { maxPipelined, share } = open({ depth: 2 })
    const place = share()

    t.ok(isOn(maxPipelined.join(), place))
    t.equal(maxPipelined.join(), undefined)

    maxPipelined.leave(place, true)
    t.ok(isOn(maxPipelined.join(), place))
  })

  t.test('nobody where each connection is for one', async t => {
    const { maxPipelined, share } = open({ depth: 1 })
    share()

    t.equal(maxPipelined.join(), undefined)
  })

  t.test('no connection that was closed, or cannot be used any more', async t => {
    const { maxPipelined, share } = open()
    const closed = share()
    const lost = share()

    maxPipelined.close(closed)
    t.ok(isOn(maxPipelined.join(), lost))
    lost.client.isConnected = false
    t.equal(maxPipelined.join(), undefined)
  })

  t.test('no connection whose statement takes long, until it is answered', async t => {
    const { clock, maxPipelined, share } = open()
    const place = share()
    maxPipelined.join()

    await clock.pass(49)
    t.ok(isOn(maxPipelined.join(), place))
    await clock.pass(1)
    t.equal(maxPipelined.join(), undefined)

    maxPipelined.leave(place, true)
    t.ok(isOn(maxPipelined.join(), place))
  })
})

t.test('on a link with a long way', async t => {
  t.test('a pipeline that is on its way for as long is no slow one', async t => {
    for (const roundTripMs of [20, 60, 200, 500]) {
      const { clock, maxPipelined, share } = open({ roundTripMs })
      share()

      await clock.pass(2 * roundTripMs + 49)
      t.ok(maxPipelined.join(), 'the way there and back, the same again, and what any statement may take')
      await clock.pass(1)
      t.equal(maxPipelined.join(), undefined)
    }
  })

  t.test(
    'one behind others is judged by its own time, although they were answered in one moment',
    async t => {
      const { clock, maxPipelined, share, joined } = open({ depth: 10, roundTripMs: 200 })
      for (let round = 0; round < 20; round += 1) {
        const places = [share(), ...Array.from({ length: 9 }, joined)]
        await clock.pass(200)
        for (const place of places) t.match(maxPipelined.leave(place, true), { wasSlow: false })
      }

      share()
      await clock.pass(249)
      t.ok(maxPipelined.join(), 'alone as well')
    }
  )

  t.test('one that is slow on the server is told from the way to it', async t => {
    const { clock, maxPipelined, share, joined, fly } = open({ roundTripMs: 100 })

    t.match(await fly(249), { wasSlow: false })
    t.match(await fly(250), { wasSlow: true })

    const first = share()
    const second = joined()
    await clock.pass(100)
    t.match(maxPipelined.leave(first, true), { wasSlow: false })
    await clock.pass(150)
    t.equal(maxPipelined.join(), undefined)
    t.match(maxPipelined.leave(second, true), { wasSlow: true })
  })
})

t.test('the round trip', async t => {
  t.test('is that of the fastest answer there was, and not of the last', async t => {
    const { clock, maxPipelined, share, fly } = open()
    for (const tookMs of [1000, 10, 1000]) await fly(tookMs)

    share()
    await clock.pass(69)
    t.ok(maxPipelined.join())
    await clock.pass(1)
    t.equal(maxPipelined.join(), undefined)
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
    const { clock, maxPipelined, share, fly } = open({ roundTripMs: 200 })
    maxPipelined.leave(share(), false)

    share()
    await clock.pass(300)
    t.ok(maxPipelined.join())
    t.match(await fly(200), { wasSlow: false })
  })

  t.test('is no longer than what its connection took for no work, where every statement is slow', async t => {
    const { clock, maxPipelined, share, fly } = open({ roundTripMs: 2, upgradeMs: 2 })

    for (let ms = 0; ms < 30_000; ms += 802) t.match(await fly(802), { wasSlow: true })

    share()
    await clock.pass(54)
    t.equal(maxPipelined.join(), undefined)
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
  t.test('is nobody’s any more when its last pipeline has ended', async t => {
    const { maxPipelined, share, joined } = open()
    const first = share()
    const second = joined()

    t.match(maxPipelined.leave(first, true), { isLast: false })
    t.match(maxPipelined.leave(second, true), { isLast: true })

    t.equal(maxPipelined.join(), undefined)
  })

  t.test('that is closed is left by those that are on it', async t => {
    const { maxPipelined, share, joined } = open()
    const first = share()
    const second = joined()
    maxPipelined.close(first)

    t.match(maxPipelined.leave(first, true), { isLast: false })
    t.equal(maxPipelined.join(), undefined)
    t.match(maxPipelined.leave(second, true), { isLast: true })
  })

  t.test('is left and closed once by each pipeline', async t => {
    const { maxPipelined, share } = open()
    const place = share()
    maxPipelined.leave(place, true)

    t.match(maxPipelined.leave(place, true), { isLast: false })
    maxPipelined.close(place)
    t.equal(maxPipelined.join(), undefined)
  })

  t.test('goes by the clock of the system', async t => {
    const maxPipelined = createMultiplexing<Client>({ depth: 2, isUsable: () => true })
    const place = maxPipelined.open({ isConnected: true, upgradeMs: 0 })

    t.ok(isOn(maxPipelined.join(), place))
  })

  t.test('says nothing of the speed of a pipeline that is given up before its turn', async t => {
    const { clock, maxPipelined, share, joined } = open()
    const first = share()
    const second = joined()

    await clock.pass(80)
    t.match(maxPipelined.leave(second, false), { isLast: false, wasSlow: undefined })
    t.match(maxPipelined.leave(first, true), { isLast: true })
  })
})

t.test('a connection that is always in use comes back to the pool now and then', async t => {
  const { clock, maxPipelined, share, joined } = open()
  let place = share()

  for (let ms = 0; ms < 9999; ms += 33) {
    await clock.pass(33)
    const next = joined()
    maxPipelined.leave(place, true)
    place = next
  }
  await clock.pass(33)

  t.equal(maxPipelined.join(), undefined)
  t.match(maxPipelined.leave(place, true), { isLast: true })
})
