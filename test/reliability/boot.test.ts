import { randomUUID } from 'node:crypto'
import t from 'tap'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import { administer } from '../support/postgres.ts'
import { openFront, said, watchCauses } from './support/front.ts'
import { PATIENT, scenario } from './support/scenario.ts'
import type { Service } from './support/service.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0, suspendAfterMs: 0 })
const front = await openFront(t, neon)
const databaseUrl = front.through

const readiness = async (service: Service) => {
  const { status, body } = await service.send('kubelet', 'GET', '/readyz')
  return { status, body }
}

scenario(
  t,
  'a database that is not there at the start, and comes later',
  { neon, databaseUrl, atBoot: front.shut, limits: { connectTimeoutMs: 1000 } },
  async (t, service) => {
    const causes = watchCauses(service)
    await until(() => said(service, 'database not reached').length === 1)
    const early = await readiness(service)
    const refused = await service.write('alice', { key: randomUUID() })

    await front.listen()
    await until(async () => (await readiness(service)).status === 200)

    t.strictSame(early, { status: 503, body: { status: 'unavailable' } })
    t.match(refused, { status: 503, code: 'FST_NEON_UNREACHABLE', outcome: 'failed' })
    t.match(refused.headers?.get('retry-after'), /^[123]$/)
    t.match(said(service, 'database not reached'), [{ level: 40, code: 'FST_NEON_UNREACHABLE' }])
    t.ok(causes.has('ECONNREFUSED'))
    t.equal(said(service, 'database not reached').length, 1, 'one line, although many tries failed')
    t.equal(said(service, 'database reached').length, 1)
  }
)

scenario(
  t,
  'many who wait for a database that comes later',
  { neon, databaseUrl, limits: PATIENT, atBoot: () => front.answer('reset') },
  async (t, service) => {
    let most = 0
    service.app.db.$client.observe(() => {
      most = Math.max(most, service.stats().total)
    })
    const writes = Array.from({ length: 30 }, () => service.write('alice', { key: randomUUID() }))
    await until(() => service.stats().connectRetries >= 3)
    const alone = { answered: front.answered, most }

    front.heal()

    for (const answer of await Promise.all(writes)) t.match(answer, { status: 201 })
    t.equal(alone.most, 0, 'no try besides the one that failed')
    t.ok(alone.answered < 10, `${alone.answered} tries`)
    // Migrations and isolation are looked at when the database is there, behind those who wait.
    await until(async () => (await readiness(service)).status === 200)
    t.match(await readiness(service), { body: { status: 'ok' } })
  }
)

scenario(t, 'a table that is not there yet', { neon }, async (t, service) => {
  await administer('alter table tasks rename to tasks_of_later', service.databaseUrl)

  const write = await service.write('alice', { key: randomUUID() })
  await until(async () => {
    await service.read('alice')
    return (await readiness(service)).status === 503
  })
  const refused = await service.read('alice')
  await administer('alter table tasks_of_later rename to tasks', service.databaseUrl)
  await until(async () => (await readiness(service)).status === 200)

  t.match(write, { status: 500, code: 'FST_NEON_STATEMENT_FAILED' })
  t.equal(write.headers?.get('retry-after'), null)
  t.match(refused, { status: 503, code: 'FST_NEON_MIGRATIONS_BEHIND' })
  t.match(refused.headers?.get('retry-after'), /^[123]$/)
  t.match(said(service, 'request failed'), [{ level: 50, err: { sqlState: '42P01' } }])
  t.notOk(JSON.stringify(service.logs).includes('tasks_of_later'))
  t.match(await service.write('alice', { key: randomUUID() }), { status: 201 })
  t.ok(service.stats().connects <= 2, 'health may have asked on another one meanwhile')
})
