import fc from 'fast-check'
import t from 'tap'
import { createSlots } from '../../src/pool/slots.ts'
import { createManualClock } from '../support/manual-clock.ts'

const LONG_MS = 60_000

t.test('wait queue', async t => {
  t.test('admits as many as there are slots, and the next when one comes back', async t => {
    const slots = createSlots({ capacity: 1, maxWaiting: 10, timeoutMs: LONG_MS })
    const giveBack = await slots.acquire()
    const second = slots.acquire()

    t.equal(slots.waiting, 1)
    giveBack()

    t.type(await second, 'function')
    t.equal(slots.waiting, 0)
  })

  t.test('counts a slot once, however often it is given back', async t => {
    const slots = createSlots({ capacity: 1, maxWaiting: 10, timeoutMs: LONG_MS })
    const giveBack = await slots.acquire()

    giveBack()
    giveBack()
    await slots.acquire()
    const third = slots.acquire()

    t.equal(slots.waiting, 1)
    slots.close()
    await t.rejects(third, { code: 'FST_NEON_CLOSED' })
  })

  t.test('refuses who has waited too long, and passes the slot to who has not', async t => {
    const slots = createSlots({ capacity: 1, maxWaiting: 10, timeoutMs: 1 })
    const giveBack = await slots.acquire()

    await t.rejects(slots.acquire(), { code: 'FST_NEON_EXHAUSTED', retryable: true, statusCode: 503 })
    giveBack()

    t.type(await slots.acquire(), 'function')
  })

  t.test('refuses at once when the queue is full', async t => {
    const slots = createSlots({ capacity: 1, maxWaiting: 1, timeoutMs: LONG_MS })
    await slots.acquire()
    const waiting = slots.acquire()

    await t.rejects(slots.acquire(), { code: 'FST_NEON_EXHAUSTED' })

    slots.close()
    await t.rejects(waiting, { code: 'FST_NEON_CLOSED' })
  })

  t.test('refuses all who come after it was closed', async t => {
    const slots = createSlots({ capacity: 1, maxWaiting: 1, timeoutMs: LONG_MS })

    slots.close()

    await t.rejects(slots.acquire(), { code: 'FST_NEON_CLOSED', retryable: false })
  })

  t.test('serves in order and never admits more than it has slots', async () => {
    const steps = fc.array(fc.constantFrom('acquire', 'give back'), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), steps, async (capacity, script) => {
        const slots = createSlots({ capacity: capacity, maxWaiting: 100, timeoutMs: LONG_MS })
        const admitted: number[] = []
        const checkedOut: (() => void)[] = []
        let asked = 0
        for (const step of script) {
          if (step === 'acquire') {
            const number = asked++
            slots.acquire().then(
              giveBack => admitted.push(number) && checkedOut.push(giveBack),
              () => {}
            )
          } else checkedOut.shift()?.()
          await new Promise(resolve => setImmediate(resolve))
          if (checkedOut.length > capacity) return false
        }
        slots.close()
        return admitted.every((number, index) => number === index)
      }),
      { numRuns: 50 }
    )
  })

  t.test('knows for how long nobody has given anything back to those who asked', async t => {
    const clock = createManualClock()
    const slots = createSlots({ capacity: 1, maxWaiting: 10, timeoutMs: 1000, clock })
    const giveBack = await slots.acquire()
    await clock.pass(5000)
    t.equal(slots.blockedForMs, 0, 'nobody has asked')
    slots.noteCheckout()
    t.equal(slots.blockedForMs, 0)

    const first = slots.acquire()
    const refused = t.rejects(first, { code: 'FST_NEON_EXHAUSTED' })
    await clock.pass(3000)
    await refused
    t.equal(slots.blockedForMs, 3000, 'also when who asked has gone')
    slots.noteCheckout()
    await clock.pass(200)
    t.equal(slots.blockedForMs, 200, 'from when a client was there for the slot')

    const second = slots.acquire()
    const third = slots.acquire()
    giveBack()
    const giveBackSecond = await second
    t.equal(slots.blockedForMs, 0)
    await clock.pass(400)
    t.equal(slots.blockedForMs, 400, 'the third still waits')
    giveBackSecond()
    const giveBackThird = await third
    await clock.pass(400)
    t.equal(slots.blockedForMs, 0)
    giveBackThird()
  })
})

/** So many places on what others have a slot for. */
function createPlaces(count: number) {
  const places = Array.from({ length: count }, (_, index) => `place ${index + 1}`)
  return { join: () => places.shift(), add: (place: string) => places.push(place), places }
}

t.test('wait queue of those who share', async t => {
  t.test('gives a slot as long as there is one, and then a place', async t => {
    const slots = createSlots<string>({ capacity: 1, maxWaiting: 10, timeoutMs: LONG_MS })
    const { join } = createPlaces(1)

    const first = await slots.acquireOrJoin(join)
    t.strictSame(await slots.acquireOrJoin(join), { place: 'place 1' })
    const third = slots.acquireOrJoin(join)
    t.equal(slots.waiting, 1)

    if (!('giveBack' in first)) throw new Error('a place')
    first.giveBack()
    first.giveBack()
    t.match(await third, { giveBack: Function })
    const fourth = slots.acquire()
    t.equal(slots.waiting, 1, 'a slot comes back once')
    slots.close()
    await t.rejects(fourth, { code: 'FST_NEON_CLOSED' })
  })

  t.test('seats those at the front as soon as there are places', async t => {
    const clock = createManualClock()
    const slots = createSlots<string>({ capacity: 1, maxWaiting: 10, timeoutMs: LONG_MS, clock })
    const { join, add, places } = createPlaces(0)
    await slots.acquire()
    const first = slots.acquireOrJoin(join)
    const second = slots.acquireOrJoin(join)
    const third = slots.acquireOrJoin(join)
    await clock.pass(100)

    slots.take()
    t.equal(slots.waiting, 3, 'there is none')
    t.equal(slots.blockedForMs, 100)
    add('one')
    add('two')
    slots.take()

    t.strictSame(await Promise.all([first, second]), [{ place: 'one' }, { place: 'two' }])
    t.equal(slots.waiting, 1)
    t.equal(slots.blockedForMs, 0, 'somebody was served')
    await clock.pass(100)
    t.equal(slots.blockedForMs, 100)
    add('three')
    add('four')
    slots.take()
    t.strictSame(await third, { place: 'three' })
    t.strictSame(places, ['four'])
    await clock.pass(100)
    t.equal(slots.blockedForMs, 0, 'nobody waits')
  })

  t.test('lets nobody overtake who needs a client of his own', async t => {
    const slots = createSlots<string>({ capacity: 1, maxWaiting: 10, timeoutMs: LONG_MS })
    const { join, places } = createPlaces(2)
    const giveBack = await slots.acquire()
    const order: string[] = []
    const exclusive = slots.acquire().then(give => {
      order.push('exclusive')
      return give
    })
    const shared = slots.acquireOrJoin(join).then(() => order.push('shared'))

    slots.take()
    await new Promise(resolve => setImmediate(resolve))
    t.strictSame(order, [])
    t.equal(places.length, 2, 'nobody takes a place')
    giveBack()
    await exclusive
    slots.take()
    await shared

    t.strictSame(order, ['exclusive', 'shared'])
  })

  t.test('holds the queue’s length and its deadline for both', async t => {
    const clock = createManualClock()
    const slots = createSlots<string>({ capacity: 1, maxWaiting: 2, timeoutMs: 1000, clock })
    const { join } = createPlaces(0)
    await slots.acquire()
    const late = [
      t.rejects(slots.acquire(), { code: 'FST_NEON_EXHAUSTED' }),
      t.rejects(slots.acquireOrJoin(join), { code: 'FST_NEON_EXHAUSTED' })
    ]

    await t.rejects(slots.acquire(), { code: 'FST_NEON_EXHAUSTED' })
    await t.rejects(slots.acquireOrJoin(join), { code: 'FST_NEON_EXHAUSTED' })
    t.equal(slots.waiting, 2)
    await clock.pass(1000)

    await Promise.all(late)
    t.equal(slots.waiting, 0)
    t.equal(slots.blockedForMs, 1000)
  })

  t.test('seats nobody who has gone', async t => {
    const clock = createManualClock()
    const slots = createSlots<string>({ capacity: 1, maxWaiting: 2, timeoutMs: 1000, clock })
    const { join, add, places } = createPlaces(0)
    await slots.acquire()
    const late = t.rejects(slots.acquireOrJoin(join), { code: 'FST_NEON_EXHAUSTED' })
    await clock.pass(1000)
    await late

    add('one')
    slots.take()

    t.strictSame(places, ['one'])
  })

  t.test('refuses who waits and who comes after it was closed', async t => {
    const slots = createSlots<string>({ capacity: 1, maxWaiting: 2, timeoutMs: LONG_MS })
    const { join } = createPlaces(0)
    await slots.acquire()
    const waiting = t.rejects(slots.acquireOrJoin(join), { code: 'FST_NEON_CLOSED' })

    slots.close()

    await waiting
    await t.rejects(slots.acquireOrJoin(join), { code: 'FST_NEON_CLOSED' })
  })

  t.test('refuses at once who has given up before', async t => {
    const slots = createSlots<string>({ capacity: 1, maxWaiting: 2, timeoutMs: LONG_MS })

    await t.rejects(slots.acquire(AbortSignal.abort()), { code: 'FST_NEON_ABORTED' })

    t.type(await slots.acquire(), 'function')
  })
})

t.test('the fair share of a user', async t => {
  t.test('leaves a slot to the next user, however many one asks for, and all to who is none', async t => {
    const slots = createSlots({ capacity: 10, maxWaiting: 1000, timeoutMs: LONG_MS })
    const held: (() => void)[] = []
    const take = (share?: string) => slots.acquire(undefined, share).then(giveBack => held.push(giveBack))
    const flood = Array.from({ length: 30 }, () => take('alice'))
    await new Promise(resolve => setImmediate(resolve))

    t.equal(held.length, 8)
    t.equal(slots.waiting, 22)
    await take('bob')
    t.equal(held.length, 9, 'at once')
    held.shift()?.()
    await new Promise(resolve => setImmediate(resolve))
    t.equal(held.length, 9, 'what alice gives back is hers again')
    await take()
    t.equal(slots.waiting, 21)

    for (let giveBack = held.shift(); giveBack; giveBack = held.shift()) {
      giveBack()
      await new Promise(resolve => setImmediate(resolve))
    }
    await Promise.all(flood)
    t.equal(slots.waiting, 0)
  })

  t.test('is a turn in the queue for each user', async t => {
    const slots = createSlots({ capacity: 1, maxWaiting: 100, timeoutMs: LONG_MS })
    const order: string[] = []
    const first = await slots.acquire()
    const served = ['alice', 'alice', 'alice', 'bob'].map(share =>
      slots.acquire(undefined, share).then(giveBack => {
        order.push(share)
        giveBack()
      })
    )

    first()
    await Promise.all(served)

    t.strictSame(order, ['alice', 'bob', 'alice', 'alice'])
  })

  t.test('of the queue is as much as it leaves to others', async t => {
    const slots = createSlots({ capacity: 1, maxWaiting: 9, timeoutMs: LONG_MS })
    const outcomes: Record<string, number> = {}
    const count = (share: string, times: number) => {
      for (let time = 0; time < times; time += 1)
        slots.acquire(undefined, share).catch(({ code }: { code: string }) => {
          const key = `${share} ${code}`
          outcomes[key] = (outcomes[key] ?? 0) + 1
        })
    }
    await slots.acquire()
    count('alice', 20)
    t.equal(slots.waiting, 5)
    t.equal(slots.isOverloaded, false, 'for others there is room')
    count('bob', 20)
    t.equal(slots.waiting, 7)
    count('carol', 1)
    count('dave', 2)
    t.equal(slots.waiting, 9)
    t.equal(slots.isOverloaded, true)
    slots.close()
    await new Promise(resolve => setImmediate(resolve))

    t.match(outcomes, {
      'alice FST_NEON_EXHAUSTED': 15,
      'bob FST_NEON_EXHAUSTED': 18,
      'dave FST_NEON_EXHAUSTED': 1
    })
  })

  t.test('does not hold up who may sit down beside others', async t => {
    const slots = createSlots<string>({ capacity: 5, maxWaiting: 100, timeoutMs: LONG_MS })
    const { join, add } = createPlaces(0)
    for (let time = 0; time < 4; time += 1) await slots.acquire(undefined, 'alice')
    await slots.acquire()
    slots.acquire(undefined, 'alice').catch(() => {})
    const beside = slots.acquireOrJoin(join, 'bob')

    add('a place')
    slots.take()

    t.strictSame(await beside, { place: 'a place' })
    slots.close()
  })
})

t.test('a turn that would come too late', async t => {
  /** A slot that comes back every 100 ms. */
  async function createSlow(timeoutMs: number) {
    const clock = createManualClock()
    const slots = createSlots({ capacity: 1, maxWaiting: 10_000, timeoutMs, clock })
    const held = [await slots.acquire()]
    const wait = (share?: string) => slots.acquire(undefined, share).then(giveBack => held.push(giveBack))
    const turn = async () => {
      await clock.pass(100)
      held.shift()?.()
      await new Promise(resolve => setImmediate(resolve))
    }
    return { slots, wait, turn, clock }
  }

  t.test('is refused at once, by the pace of the turns, and no other', async t => {
    const { slots, wait, turn } = await createSlow(10_000)
    for (let time = 0; time < 300; time += 1) {
      wait('alice').catch(() => {})
      await turn()
    }
    const codes: string[] = []
    for (let time = 0; time < 200; time += 1)
      wait('alice').catch(({ code }: { code: string }) => codes.push(code))
    await new Promise(resolve => setImmediate(resolve))

    t.ok(Math.abs(slots.waiting - 100) < 5, `${slots.waiting} wait, which is 10 s`)
    t.strictSame(codes, Array(200 - slots.waiting).fill('FST_NEON_EXHAUSTED'))
    t.equal(slots.isOverloaded, false, 'another user gets the next turn')
    for (let user = 0; user < 100; user += 1) wait(`user ${user}`).catch(() => {})
    t.equal(slots.isOverloaded, true, 'when as many users wait, nobody does')
    slots.close()
  })

  t.test('is not known from a wake, whose seconds are nobody’s turn', async t => {
    const { slots, wait, turn, clock } = await createSlow(10_000)
    for (let time = 0; time < 500; time += 1) wait('alice').catch(() => {})
    await clock.pass(5000)
    await turn()

    t.equal(slots.isOverloaded, false)
    wait('alice').catch(() => {})
    t.equal(slots.waiting, 500)
    slots.close()
  })
})
