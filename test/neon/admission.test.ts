import fc from 'fast-check'
import t from 'tap'
import { createAdmission } from '../../src/neon/admission.ts'
import { createManualClock } from './manual-clock.ts'

const LONG_MS = 60_000

t.test('admission', async t => {
  t.test('admits as many as there are permits, and the next when one comes back', async t => {
    const admission = createAdmission({ permits: 1, maxWaiting: 10, timeoutMs: LONG_MS })
    const giveBack = await admission.acquire()
    const second = admission.acquire()

    t.equal(admission.waiting, 1)
    giveBack()

    t.type(await second, 'function')
    t.equal(admission.waiting, 0)
  })

  t.test('counts a permit once, however often it is given back', async t => {
    const admission = createAdmission({ permits: 1, maxWaiting: 10, timeoutMs: LONG_MS })
    const giveBack = await admission.acquire()

    giveBack()
    giveBack()
    await admission.acquire()
    const third = admission.acquire()

    t.equal(admission.waiting, 1)
    admission.close()
    await t.rejects(third, { code: 'FST_NEON_CLOSED' })
  })

  t.test('refuses who has waited too long, and passes the permit to who has not', async t => {
    const admission = createAdmission({ permits: 1, maxWaiting: 10, timeoutMs: 1 })
    const giveBack = await admission.acquire()

    await t.rejects(admission.acquire(), { code: 'FST_NEON_EXHAUSTED', retryable: true, statusCode: 503 })
    giveBack()

    t.type(await admission.acquire(), 'function')
  })

  t.test('refuses at once when the queue is full', async t => {
    const admission = createAdmission({ permits: 1, maxWaiting: 1, timeoutMs: LONG_MS })
    await admission.acquire()
    const waiting = admission.acquire()

    await t.rejects(admission.acquire(), { code: 'FST_NEON_EXHAUSTED' })

    admission.close()
    await t.rejects(waiting, { code: 'FST_NEON_CLOSED' })
  })

  t.test('refuses all who come after it was closed', async t => {
    const admission = createAdmission({ permits: 1, maxWaiting: 1, timeoutMs: LONG_MS })

    admission.close()

    await t.rejects(admission.acquire(), { code: 'FST_NEON_CLOSED', retryable: false })
  })

  t.test('serves in order and never admits more than it has permits', async () => {
    const steps = fc.array(fc.constantFrom('acquire', 'give back'), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), steps, async (permits, script) => {
        const admission = createAdmission({ permits, maxWaiting: 100, timeoutMs: LONG_MS })
        const admitted: number[] = []
        const held: (() => void)[] = []
        let asked = 0
        for (const step of script) {
          if (step === 'acquire') {
            const number = asked++
            admission.acquire().then(
              giveBack => admitted.push(number) && held.push(giveBack),
              () => {}
            )
          } else held.shift()?.()
          await new Promise(resolve => setImmediate(resolve))
          if (held.length > permits) return false
        }
        admission.close()
        return admitted.every((number, index) => number === index)
      }),
      { numRuns: 50 }
    )
  })

  t.test('knows for how long nobody has given anything back to those who asked', async t => {
    const clock = createManualClock()
    const admission = createAdmission({ permits: 1, maxWaiting: 10, timeoutMs: 1000, clock })
    const giveBack = await admission.acquire()
    await clock.pass(5000)
    t.equal(admission.blockedForMs, 0, 'nobody has asked')
    admission.noteLent()
    t.equal(admission.blockedForMs, 0)

    const first = admission.acquire()
    const refused = t.rejects(first, { code: 'FST_NEON_EXHAUSTED' })
    await clock.pass(3000)
    await refused
    t.equal(admission.blockedForMs, 3000, 'also when who asked has gone')
    admission.noteLent()
    await clock.pass(200)
    t.equal(admission.blockedForMs, 200, 'from when a client was there for the permit')

    const second = admission.acquire()
    const third = admission.acquire()
    giveBack()
    const giveBackSecond = await second
    t.equal(admission.blockedForMs, 0)
    await clock.pass(400)
    t.equal(admission.blockedForMs, 400, 'the third still waits')
    giveBackSecond()
    const giveBackThird = await third
    await clock.pass(400)
    t.equal(admission.blockedForMs, 0)
    giveBackThird()
  })
})

/** So many places on what others have a permit for. */
function createPlaces(count: number) {
  const places = Array.from({ length: count }, (_, index) => `place ${index + 1}`)
  return { join: () => places.shift(), add: (place: string) => places.push(place), places }
}

t.test('admission of those who share', async t => {
  t.test('gives a permit as long as there is one, and then a place', async t => {
    const admission = createAdmission<string>({ permits: 1, maxWaiting: 10, timeoutMs: LONG_MS })
    const { join } = createPlaces(1)

    const first = await admission.acquireOrJoin(join)
    t.strictSame(await admission.acquireOrJoin(join), { place: 'place 1' })
    const third = admission.acquireOrJoin(join)
    t.equal(admission.waiting, 1)

    if (!('giveBack' in first)) throw new Error('a place')
    first.giveBack()
    first.giveBack()
    t.match(await third, { giveBack: Function })
    const fourth = admission.acquire()
    t.equal(admission.waiting, 1, 'a permit comes back once')
    admission.close()
    await t.rejects(fourth, { code: 'FST_NEON_CLOSED' })
  })

  t.test('seats those at the front as soon as there are places', async t => {
    const clock = createManualClock()
    const admission = createAdmission<string>({ permits: 1, maxWaiting: 10, timeoutMs: LONG_MS, clock })
    const { join, add, places } = createPlaces(0)
    await admission.acquire()
    const first = admission.acquireOrJoin(join)
    const second = admission.acquireOrJoin(join)
    const third = admission.acquireOrJoin(join)
    await clock.pass(100)

    admission.seat()
    t.equal(admission.waiting, 3, 'there is none')
    t.equal(admission.blockedForMs, 100)
    add('one')
    add('two')
    admission.seat()

    t.strictSame(await Promise.all([first, second]), [{ place: 'one' }, { place: 'two' }])
    t.equal(admission.waiting, 1)
    t.equal(admission.blockedForMs, 0, 'somebody was served')
    await clock.pass(100)
    t.equal(admission.blockedForMs, 100)
    add('three')
    add('four')
    admission.seat()
    t.strictSame(await third, { place: 'three' })
    t.strictSame(places, ['four'])
    await clock.pass(100)
    t.equal(admission.blockedForMs, 0, 'nobody waits')
  })

  t.test('lets nobody overtake who needs a client of his own', async t => {
    const admission = createAdmission<string>({ permits: 1, maxWaiting: 10, timeoutMs: LONG_MS })
    const { join, places } = createPlaces(2)
    const giveBack = await admission.acquire()
    const order: string[] = []
    const exclusive = admission.acquire().then(give => {
      order.push('exclusive')
      return give
    })
    const shared = admission.acquireOrJoin(join).then(() => order.push('shared'))

    admission.seat()
    await new Promise(resolve => setImmediate(resolve))
    t.strictSame(order, [])
    t.equal(places.length, 2, 'nobody takes a place')
    giveBack()
    await exclusive
    admission.seat()
    await shared

    t.strictSame(order, ['exclusive', 'shared'])
  })

  t.test('holds the queue’s length and its deadline for both', async t => {
    const clock = createManualClock()
    const admission = createAdmission<string>({ permits: 1, maxWaiting: 2, timeoutMs: 1000, clock })
    const { join } = createPlaces(0)
    await admission.acquire()
    const late = [
      t.rejects(admission.acquire(), { code: 'FST_NEON_EXHAUSTED' }),
      t.rejects(admission.acquireOrJoin(join), { code: 'FST_NEON_EXHAUSTED' })
    ]

    await t.rejects(admission.acquire(), { code: 'FST_NEON_EXHAUSTED' })
    await t.rejects(admission.acquireOrJoin(join), { code: 'FST_NEON_EXHAUSTED' })
    t.equal(admission.waiting, 2)
    await clock.pass(1000)

    await Promise.all(late)
    t.equal(admission.waiting, 0)
    t.equal(admission.blockedForMs, 1000)
  })

  t.test('seats nobody who has gone', async t => {
    const clock = createManualClock()
    const admission = createAdmission<string>({ permits: 1, maxWaiting: 2, timeoutMs: 1000, clock })
    const { join, add, places } = createPlaces(0)
    await admission.acquire()
    const late = t.rejects(admission.acquireOrJoin(join), { code: 'FST_NEON_EXHAUSTED' })
    await clock.pass(1000)
    await late

    add('one')
    admission.seat()

    t.strictSame(places, ['one'])
  })

  t.test('refuses who waits and who comes after it was closed', async t => {
    const admission = createAdmission<string>({ permits: 1, maxWaiting: 2, timeoutMs: LONG_MS })
    const { join } = createPlaces(0)
    await admission.acquire()
    const waiting = t.rejects(admission.acquireOrJoin(join), { code: 'FST_NEON_CLOSED' })

    admission.close()

    await waiting
    await t.rejects(admission.acquireOrJoin(join), { code: 'FST_NEON_CLOSED' })
  })

  t.test('refuses at once who has given up before', async t => {
    const admission = createAdmission<string>({ permits: 1, maxWaiting: 2, timeoutMs: LONG_MS })

    await t.rejects(admission.acquire(AbortSignal.abort()), { code: 'FST_NEON_ABORTED' })

    t.type(await admission.acquire(), 'function')
  })
})
