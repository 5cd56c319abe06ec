import { fileURLToPath } from 'node:url'
import t from 'tap'
import { verifyConnectionUrl } from '../packages/fastify-neon/src/connection-string/connection-url.ts'
import { applyMigrations } from '../packages/fastify-neon/src/migrations/migrations.ts'
import { readIsolation } from '../packages/fastify-neon/src/rls-audit/audit.ts'
import { openPool } from '../packages/fastify-neon/test/support/pools.ts'
import { NO_POOLER, openPooler } from './support/pooler.ts'
import { administer, createDatabase } from './support/postgres.ts'

const MIGRATIONS = fileURLToPath(new URL('../drizzle', import.meta.url))

t.test('the pooler of the tests', { skip: NO_POOLER }, async t => {
  for (const auth of ['plain', 'md5', 'scram-sha-256'] as const)
    t.test(`lets clients in over TCP and over a WebSocket, with ${auth}`, async t => {
      const url = await createDatabase(t)
      const pooler = await openPooler(t, { auth })
      const { pool } = await openPool(t, { max: 1 }, pooler.through(url))

      t.strictSame(await administer('select 1 as n', pooler.through(url)), [{ n: 1 }])
      t.strictSame((await pool.query('select 2 as n')).rows, [{ n: 2 }])
    })

  for (const auth of ['md5', 'scram-sha-256'] as const)
    t.test(`lets migrations and the audit in with ${auth}`, async t => {
      const direct = await createDatabase(t, { migrated: false })
      const { through } = await openPooler(t, { auth, settings: { pool_mode: 'session' } })
      const url = through(direct)
      const { connection } = verifyConnectionUrl(url)
      if (!connection) throw new Error('no valid URL')

      const { applied } = await applyMigrations({ url, folder: MIGRATIONS })

      t.ok(applied.length > 0)
      t.match(await readIsolation(connection, { role: 'app_user' }), { findings: [] })
    })

  t.test('gives each transaction to a session that is free', async t => {
    const url = await createDatabase(t)
    const pooler = await openPooler(t, { poolSize: 2 })
    const { pool } = await openPool(t, { max: 8 }, pooler.through(url))

    await Promise.all(Array.from({ length: 8 }, () => pool.query('select pg_sleep(0.05)')))

    const pools = await pooler.command('SHOW POOLS')
    const ours = pools.find(({ database }) => database === new URL(url).pathname.slice(1))
    t.match(ours, { pool_mode: 'transaction' })
    t.equal(Number(ours?.sv_idle) + Number(ours?.sv_used) + Number(ours?.sv_tested), 2)
  })

  t.test('can be ended and started again, with all that it knew forgotten', async t => {
    const url = await createDatabase(t)
    const pooler = await openPooler(t)
    const { pid } = pooler

    await pooler.stop()
    await t.rejects(administer('select 1', pooler.through(url)))
    await pooler.start()

    t.not(pooler.pid, pid)
    t.strictSame(await administer('select 1 as n', pooler.through(url)), [{ n: 1 }])
  })
})
