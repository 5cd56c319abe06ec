import t from 'tap'
import { failureOfAbort, onAbort } from '../../src/neon/abort.ts'
import { DatabaseFailure } from '../../src/neon/failure.ts'

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
