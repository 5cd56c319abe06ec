import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { until } from '../../../../../test/support/app.ts'
import { administer } from '../../../../../test/support/postgres.ts'
import { openPool, take } from '../../support/pools.ts'

const SESSIONS =
  'select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'

t.test('a question', async t => {
  t.test('is answered beside a full pool, waits for nobody, and leaves no session', async t => {
    const { pool, databaseUrl } = await openPool(t, { max: 1 })
    const [checkedOut] = await take(pool, 1)

    t.equal(await pool.ping(10_000), undefined)

    t.match(pool.stats(), { waiting: 0, total: 1, max: 1, checkouts: 1 })
    checkedOut?.release()
    await pool.end()
    await until(async () => (await administer(SESSIONS, databaseUrl)).length === 0)
  })

  t.test('tells that the login is refused', async t => {
    const { pool } = await openPool(t, { password: 'not-it' })

    t.match(await pool.ping(10_000), { kind: 'refused' })
  })

  t.test('ends in time when nothing answers, and closes its socket', async t => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    t.teardown(() => silent.close())
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : 0
    const { pool } = await openPool(t, {}, `postgresql://me:secret@127.0.0.1:${port}/none`)
    const accepted = once(silent, 'connection')

    const failure = await pool.ping(100)

    t.match(failure, { kind: 'unreachable' })
    const [socket] = await accepted
    socket.resume()
    await once(socket, 'close')
  })

  t.test('tells that nobody listens', async t => {
    const { pool } = await openPool(t, {}, 'postgresql://me:secret@127.0.0.1:1/none')

    t.match(await pool.ping(10_000), { kind: 'unreachable' })
  })
})
