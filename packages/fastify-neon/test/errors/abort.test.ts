import { getEventListeners } from 'node:events'
import t from 'tap'
import { createLimit, failureOfAbort, onAbort, pause, unlessAborted } from '../../src/errors/abort.ts'
import { DatabaseFailure } from '../../src/errors/failure.ts'

t.test('a wait that a signal ends', async t => {
  t.test('fails as aborted, with the reason behind it', async t => {
    const reason = new Error('gone')

    t.match(failureOfAbort(AbortSignal.abort(reason)), { code: 'FST_NEON_ABORTED', original: reason })
  })

  t.test('fails with the reason itself when that is one of ours', async t => {
    const reason = new DatabaseFailure('exhausted')

    t.equal(failureOfAbort(AbortSignal.abort(reason)), reason)
  })

  t.test('hears of it once, and leaves no listener when it is over', async t => {
    const controller = new AbortController()
    const heard: string[] = []
    onAbort(controller.signal, ({ code }) => heard.push(code))
    const stopListening = onAbort(controller.signal, () => heard.push('too late'))

    stopListening()
    controller.abort()

    t.strictSame(heard, ['FST_NEON_ABORTED'])
  })
})

t.test('work that a signal ends the wait for', async t => {
  t.test('is not waited for when the signal was aborted before', async t => {
    await t.rejects(unlessAborted(AbortSignal.abort(), new Promise(() => {})), { code: 'FST_NEON_ABORTED' })
  })

  t.test('settles as it does, and leaves no listener', async t => {
    const { signal } = new AbortController()

    t.equal(await unlessAborted(signal, Promise.resolve(42)), 42)
    await t.rejects(unlessAborted(signal, Promise.reject(new Error('of the work'))), {
      message: 'of the work'
    })

    t.equal(getEventListeners(signal, 'abort').length, 0)
  })
})

t.test('a limit is aborted by the time with what it is told, and by the signal with its reason', async t => {
  const onTimeout = () => new DatabaseFailure('transactionTimeout')
  const reason = new Error('gone')
  const controller = new AbortController()
  const byTime = createLimit({ timeoutMs: 1, onTimeout })
  const bySignal = createLimit({ signal: controller.signal, timeoutMs: 60_000, onTimeout })

  controller.abort(reason)
  await t.rejects(unlessAborted(byTime.signal, new Promise(() => {})), {
    code: 'FST_NEON_TRANSACTION_TIMEOUT'
  })
  await t.rejects(unlessAborted(bySignal.signal, new Promise(() => {})), {
    code: 'FST_NEON_ABORTED',
    original: reason
  })

  byTime.dispose()
  bySignal.dispose()
  t.equal(getEventListeners(controller.signal, 'abort').length, 0)
})

t.test('a limit that the time has reached keeps its reason when the signal is aborted as well', async t => {
  const controller = new AbortController()
  const limit = createLimit({
    signal: controller.signal,
    timeoutMs: 1,
    onTimeout: () => new DatabaseFailure('transactionTimeout')
  })
  const heard: string[] = []
  onAbort(limit.signal, ({ code }) => heard.push(code))
  await t.rejects(unlessAborted(limit.signal, new Promise(() => {})))

  controller.abort()

  limit.dispose()
  t.strictSame(heard, ['FST_NEON_TRANSACTION_TIMEOUT'])
  t.match(failureOfAbort(limit.signal), { code: 'FST_NEON_TRANSACTION_TIMEOUT' })
})

t.test('a pause ends after its time, and with the signal, also one that was aborted before', async t => {
  const controller = new AbortController()
  await t.resolves(pause(1, controller.signal))

  const paused = t.rejects(pause(60_000, controller.signal), { code: 'FST_NEON_ABORTED' })
  controller.abort()

  await paused
  await t.rejects(pause(60_000, controller.signal), { code: 'FST_NEON_ABORTED' })
})
