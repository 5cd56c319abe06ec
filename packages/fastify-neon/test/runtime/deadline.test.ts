import t from 'tap'
import { within } from '../../src/runtime/deadline.ts'

t.test('a wait with a limit', async t => {
  t.test('ends when the work does, and leaves no timer', async t => {
    const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
    const before = timers()

    await within(60_000, Promise.resolve())

    t.equal(timers(), before)
  })

  t.test('ends at the limit when the work does not', async t => {
    await within(1, new Promise(() => {}))

    t.pass()
  })

  t.test('fails when the work fails', async t => {
    await t.rejects(within(60_000, Promise.reject(new Error('work'))), { message: 'work' })
  })
})
