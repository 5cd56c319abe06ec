import t from 'tap'
import { createSessionList } from '../../src/console/sessions.ts'
import { fakeCompute } from '../fixtures/fake-compute.ts'

/** Nothing here waits for as long as that. */
const LONG_MS = 60_000
const ROW = ['17', 'alice', 'shop', 'tests', 'active', '1500', 'SELECT 1']
const SESSION = {
  processId: 17,
  user: 'alice',
  database: 'shop',
  applicationName: 'tests',
  state: 'active',
  sinceMs: 1500,
  statement: 'SELECT 1'
}

t.test('the list of sessions', async t => {
  t.test('is what Postgres says', async t => {
    const { compute, answerWith } = await fakeCompute(t)
    answerWith(() => [ROW])
    await compute.wake()

    t.strictSame(await createSessionList(compute, LONG_MS)(), [SESSION])
  })

  t.test('is empty while the compute sleeps, which is not woken', async t => {
    const { compute, started } = await fakeCompute(t)

    t.strictSame(await createSessionList(compute, LONG_MS)(), [])
    t.equal(compute.state, 'asleep')
    t.strictSame(started, [])
  })

  t.test('is not known where Postgres fails', async t => {
    const { compute, answerWith } = await fakeCompute(t)
    answerWith(() => new Error('no'))
    await compute.wake()

    t.equal(await createSessionList(compute, LONG_MS)(), undefined)
  })

  t.test('is not known where Postgres does not answer, which is asked once by all who wait', async t => {
    const { compute, answerWith, statements } = await fakeCompute(t)
    let answer: (rows: string[][]) => void = () => {}
    const answered = new Promise<string[][]>(resolve => {
      answer = resolve
    })
    answerWith(() => answered)
    await compute.wake()
    const impatient = createSessionList(compute, 1)

    t.strictSame(await Promise.all([impatient(), impatient(), impatient()]), [
      undefined,
      undefined,
      undefined
    ])
    t.equal(await impatient(), undefined)

    t.ok(statements.length <= 1)
    answer([])
  })
})
