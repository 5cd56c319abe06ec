/**
 * Transactions of which a part fails, hangs or is cut off.
 */
import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import t from 'tap'
import { breakBefore, type Wire } from '../../packages/fastify-neon/test/support/wire.ts'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import * as schema from '../../src/db/schema.ts'
import { until } from '../support/app.ts'
import { administer, atCommit, holdTable, isWaiting } from '../support/postgres.ts'
import { scenario } from './support/scenario.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })

const activity = async (url: string, pattern: string) =>
  (
    await administer(
      `select 1 from pg_stat_activity where datname = current_database() and state = 'active'
         and pid <> pg_backend_pid() and query ~* '${pattern}'`,
      url
    )
  ).length

scenario(
  t,
  'a BEGIN that fails, more often than there are clients',
  { neon, limits: { max: 2 } },
  async (t, service) => {
    const pool = service.app.db.$client
    const cut = (client: Wire) => breakBefore(client, 'BEGIN')
    pool.on('acquire', cut)
    for (let time = 0; time < 3; time += 1)
      t.match(await service.write('alice'), { status: 503, code: 'FST_NEON_UNREACHABLE', outcome: 'failed' })
    pool.off('acquire', cut)

    t.match(await service.write('alice'), { outcome: 'acknowledged' })
  }
)

scenario(
  t,
  'a statement in a transaction that gets no answer in time',
  { neon, limits: { max: 1, statementTimeoutMs: 500 } },
  async (t, service) => {
    const release = await holdTable(t, service.databaseUrl)

    const write = await service.write('alice')

    t.match(write, { status: 503, code: 'FST_NEON_STATEMENT_TIMEOUT', outcome: 'failed' })
    t.equal(write.headers?.get('retry-after'), null)
    await until(async () => !(await isWaiting(service.databaseUrl)))
    t.match(service.stats(), { statementsCancelled: 1 })
    await release()
  }
)

scenario(t, 'a ROLLBACK that cannot be sent', { neon }, async (t, service) => {
  service.app.db.$client.once('acquire', (client: Wire) => breakBefore(client, 'ROLLBACK'))
  await administer('alter table tasks add constraint long check (length(title) < 3)', service.databaseUrl)

  t.match(await service.write('alice'), { status: 400, code: 'FST_NEON_INVALID_VALUE', outcome: 'failed' })

  await administer('alter table tasks drop constraint long', service.databaseUrl)
})

scenario(t, 'a link that is lost before COMMIT', { neon }, async (t, service) => {
  const release = await holdTable(t, service.databaseUrl)
  const write = service.write('alice', { key: randomUUID() })
  await until(() => isWaiting(service.databaseUrl))

  neon.inject({ type: 'reset', connections: 'existing', where: { transport: 'ws' } })
  await until(() => service.stats().clientsLost > 0)
  await release()

  t.match(await write, { status: 201, outcome: 'acknowledged' }, 'it was run again')
})

scenario(t, 'a client that disconnects before COMMIT', { neon }, async (t, service) => {
  const release = await holdTable(t, service.databaseUrl)
  const disconnect = new AbortController()
  const write = service.write('alice', { signal: disconnect.signal })
  await until(() => isWaiting(service.databaseUrl))

  disconnect.abort()

  t.match(await write, { outcome: 'unknown' })
  await until(async () => !(await isWaiting(service.databaseUrl)))
  await release()
  t.equal((await service.read('alice')).body.items.length, 0)
})

scenario(t, 'a client that disconnects when COMMIT was sent', { neon }, async (t, service) => {
  await atCommit(service.databaseUrl, 'tasks', 'perform pg_sleep(0.3)')
  const disconnect = new AbortController()
  const write = service.write('alice', { key: randomUUID(), signal: disconnect.signal })
  await until(async () => (await activity(service.databaseUrl, '^COMMIT')) === 1)

  disconnect.abort()

  t.match(await write, { outcome: 'unknown' })
  await until(async () => (await service.read('alice')).body.items.length === 1)
  t.match(service.stats(), { clientsLost: 0, statementsCancelled: 0 })
})

scenario(t, 'what one transaction sets, when it fails', { neon, limits: { max: 1 } }, async (t, service) => {
  const { db } = service.app
  const alice = db.$withClaims({ 'app.user_id': 'alice' })
  const failing = ['throw', 'error', 'timeout', 'loss'] as const
  for (const how of failing) {
    await t.rejects(
      alice.transaction(async tx => {
        await tx.insert(schema.tasks).values({ owner: 'alice', title: how })
        if (how === 'error') await tx.execute(sql`select 1/0`)
        if (how === 'timeout') await tx.execute(sql`select pg_sleep(60)`)
        if (how === 'loss') await neon.killBackends()
        throw new Error('business')
      })
    )

    const { rows } = await db.execute(sql`select current_setting('app.user_id', true) as claim`)

    t.ok([null, ''].includes(rows[0]?.claim as string | null), how)
  }
  t.strictSame(await alice.select().from(schema.tasks), [])
})

scenario(t, 'statements side by side in one transaction', { neon }, async (t, service) => {
  const db = service.app.db.$withClaims({ 'app.user_id': 'alice' })

  await t.rejects(
    db.transaction(tx =>
      Promise.all([
        tx.insert(schema.tasks).values({ owner: 'alice', title: 'never' }),
        tx.execute(sql`select 1/0`),
        tx.insert(schema.tasks).values({ owner: 'alice', title: 'never' })
      ])
    ),
    { code: 'FST_NEON_INVALID_VALUE' }
  )

  t.strictSame(await db.select().from(schema.tasks), [])
})
