import t from 'tap'
import { Pipeline } from '../../src/client/pipeline.ts'
import { openPool, pidOf } from '../support/pools.ts'

const readPid = () => new Pipeline([{ text: 'select pg_backend_pid() as pid' }])

t.test('pipelines on a pool with one connection', async t => {
  t.test('ride on it together, and it is free behind the last', async t => {
    const { pool } = await openPool(t, { max: 1, maxPipelined: 3 })

    const results = await Promise.all(Array.from({ length: 10 }, () => pool.runPipeline(readPid)))

    t.equal(new Set(results.map(([result]) => JSON.stringify(result?.rows))).size, 1)
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0, waiting: 0 })
  })

  t.test('wait for who has it to himself', async t => {
    const { pool } = await openPool(t, { max: 1, maxPipelined: 3 })
    const client = await pool.connect()
    const pipelines = Promise.all([pool.runPipeline(readPid), pool.runPipeline(readPid)])

    t.equal(pool.waitingCount, 2)
    const pid = await pidOf(client)
    client.release()

    t.match(await pipelines, [[{ rows: [{ pid }] }], [{ rows: [{ pid }] }]])
  })
})
