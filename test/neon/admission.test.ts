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
