import t from 'tap'
import { Flight } from '../../src/neon/flight.ts'
import { openPool, pidOf } from './pools.ts'

const readPid = () => new Flight([{ text: 'select pg_backend_pid() as pid' }])

t.test('flights on a pool with one connection', async t => {
  t.test('ride on it together, and it is free behind the last', async t => {
    const { pool } = await openPool(t, { max: 1, sharing: 3 })

    const results = await Promise.all(Array.from({ length: 10 }, () => pool.fly(readPid)))

    t.equal(new Set(results.map(([result]) => JSON.stringify(result?.rows))).size, 1)
    t.match(pool.stats(), { total: 1, idle: 1, held: 0, waiting: 0 })
  })

  t.test('wait for who has it to himself', async t => {
    const { pool } = await openPool(t, { max: 1, sharing: 3 })
    const client = await pool.connect()
    const flights = Promise.all([pool.fly(readPid), pool.fly(readPid)])

    t.equal(pool.waitingCount, 2)
    const pid = await pidOf(client)
    client.release()

    t.match(await flights, [[{ rows: [{ pid }] }], [{ rows: [{ pid }] }]])
  })
})
