import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { createDatabase } from '../../../../test/support/postgres.ts'
import { openClient } from '../support/clients.ts'
import { kill, openPool, pidOf } from '../support/pools.ts'

const BROKEN = new Error('a listener of the application')

function fail(): never {
  throw BROKEN
}

/** What the process was warned of; nothing else may come of it. */
function warnings(t: Test) {
  const { args } = t.capture(process, 'emitWarning')
  const all: unknown[] = []
  return () => {
    // What was read is not there the next time.
    all.push(...args().flat())
    return all
  }
}

t.test('a listener of the pool that throws', async t => {
  t.test('leaks no client and fails no statement, and is warned of once for each event', async t => {
    const warned = warnings(t)
    const { pool, count } = await openPool(t, { max: 1 })
    const later: string[] = []
    for (const event of ['connect', 'acquire', 'release', 'remove', 'error'] as const) {
      pool.on(event, fail)
      pool.on(event, () => later.push(event))
    }

    for (let round = 0; round < 3; round += 1) t.ok(await pool.query('select 1'))
    await kill(await pidOf(pool))
    await until(() => count('idle-client-lost') === 1)

    t.ok(await pool.query('select 1'))
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0, waiting: 0 })
    t.strictSame(warned(), Array(5).fill(BROKEN))
    t.strictSame([...new Set(later)].sort(), ['acquire', 'connect', 'error', 'release', 'remove'])
  })

  t.test('or rejects, or observes, is warned of, and no more', async t => {
    const warned = warnings(t)
    const { pool } = await openPool(t)
    pool.on('acquire', async () => fail())
    pool.observe(() => {
      throw 'no error'
    })

    t.ok(await pool.query('select 1'))

    t.strictSame(warned().length, 2)
    t.ok(warned().includes(BROKEN))
    t.ok(warned().includes('a listener of the pool threw'))
  })

  t.test('is warned of as a callback too', async t => {
    const warned = warnings(t)
    const { pool } = await openPool(t, { max: 1 })

    await new Promise<void>(resolve => {
      pool.connect((_error, client) => {
        client?.release()
        resolve()
        fail()
      })
    })
    t.ok(await pool.query('select 1'))
    pool.end(fail)
    await pool.end()

    await until(() => warned().length === 2)
    t.strictSame(warned(), [BROKEN, BROKEN])
  })
})

t.test('a listener of a client that throws', async t => {
  t.test('in the middle of an answer does not end its connection', async t => {
    const warned = warnings(t)
    const { client } = await openClient(t, { databaseUrl: await createDatabase(t) })
    client.on('notice', fail)
    client.on('notification', fail)

    await client.query(`listen news; do $$ begin raise notice 'x'; end $$; notify news`)

    t.match(await client.query('select 1 as n'), { rows: [{ n: 1 }] })
    t.ok(client.isConnected)
    t.strictSame(warned(), [BROKEN, BROKEN])
  })
})
