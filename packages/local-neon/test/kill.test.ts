import t from 'tap'
import { killBackends } from '../src/kill.ts'
import { fakeCompute } from './fixtures/fake-compute.ts'

const ALL = "backend_type = 'client backend' AND usename <> 'cloud_admin'"

t.test('killing backends', async t => {
  t.test('of a compute that sleeps kills none, and wakes nobody', async t => {
    const { compute } = await fakeCompute(t)

    t.equal(await killBackends(compute), 0)
    t.equal(compute.state, 'asleep')
  })

  t.test('tells how many there were', async t => {
    const { compute, answerWith } = await fakeCompute(t)
    answerWith(() => [['t'], ['t']])
    await compute.wake()

    t.equal(await killBackends(compute), 2)
  })

  for (const [filter, conditions] of [
    [undefined, ALL],
    [{}, ALL],
    [{ processId: 4711.9 }, `${ALL} AND pid = 4711`],
    [{ database: 'shop' }, `${ALL} AND datname = E'shop'`],
    [{ user: "o'neill" }, `${ALL} AND usename = E'o''neill'`],
    [{ user: 'alex', applicationName: '' }, `${ALL} AND usename = E'alex' AND application_name = E''`]
  ] as const) {
    t.test(`is for those that are meant: ${JSON.stringify(filter)}`, async t => {
      const { compute, statements } = await fakeCompute(t)
      await compute.wake()

      await killBackends(compute, filter)

      t.strictSame(statements, [`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${conditions}`])
    })
  }
})
