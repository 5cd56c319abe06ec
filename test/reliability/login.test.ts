import { randomUUID } from 'node:crypto'
import t from 'tap'
import { REFUSALS } from '../../packages/local-neon/src/proxy/refusals.ts'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import { administer } from '../support/postgres.ts'
import {
  cutOff,
  expectRefused,
  openFront,
  refusal,
  said,
  writeKeyed,
  writeKeyedTimes
} from './support/front.ts'
import { PATIENT, scenario } from './support/scenario.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0, suspendAfterMs: 0 })
const front = await openFront(t, neon)
const databaseUrl = front.through

const REFUSED = [
  ['a wrong password', '28P01', 'password authentication failed for user "neondb_owner"'],
  [
    'a wrong password, in the words of Neon',
    'XX000',
    "password authentication failed for user 'neondb_owner'"
  ],
  ['a role that may not log in', '28000', 'role "neondb_owner" is not permitted to log in'],
  ['a database that is not there', '3D000', 'database "service" does not exist'],
  ['no right to connect', '42501', 'permission denied for database "service"'],
  ['a parameter that PgBouncer does not take', '08P01', 'unsupported startup parameter: statement_timeout'],
  ['a disabled endpoint', 'XX000', REFUSALS['endpoint-disabled']]
] as const

const PUT_OFF = [
  ['sessions that are used up', '53300', 'sorry, too many clients already'],
  [
    'slots that are kept for others',
    '53300',
    'remaining connection slots are reserved for roles with privileges'
  ],
  ['a tooManyConnections endpoint', 'XX000', REFUSALS['too-many-connections']],
  ['a tooManyConnections pooler', '08P01', REFUSALS['pooler-full']],
  ['a server that starts', '57P03', 'the database system is starting up'],
  ['a server that recovers', '57P03', 'the database system is in recovery mode'],
  ['a pooler that has lost its server', '08P01', 'server login has been failing, try again later']
] as const

scenario(
  t,
  'a login that only a person can fix',
  { neon, databaseUrl, limits: PATIENT },
  async (t, service) => {
    for (const [title, sqlState, text] of REFUSED) {
      await t.test(
        `because of ${title} (${sqlState}) is tried once for all who wait, and told once`,
        async t => {
          await cutOff(service, front, refusal(sqlState, text))

          await expectRefused(t, service, front, { sqlState })
          t.notOk(JSON.stringify(service.logs).includes(text), 'not in the words of the server')
          t.match(await service.send('alice', 'GET', '/readyz'), {
            status: 200,
            body: { status: 'degraded' }
          })
          front.heal()
          await service.recover()
        }
      )
    }
  }
)

scenario(
  t,
  'a login that is refused for a while',
  { neon, databaseUrl, limits: PATIENT },
  async (t, service) => {
    for (const [title, sqlState, text] of PUT_OFF) {
      await t.test(`because of ${title} (${sqlState}: ${text}) is tried again within the wait`, async t => {
        const before = service.stats()
        service.logs.length = 0
        await cutOff(service, front, refusal(sqlState, text), 2)

        t.match(await writeKeyed(service), { status: 201 })

        t.equal(front.answered, 2)
        t.equal(service.stats().connectRetries - before.connectRetries, 2)
        t.equal(service.stats().connectFailures - before.connectFailures, 0)
        t.match(said(service, 'database not reached'), [{ level: 40, sqlState }])
        t.equal(said(service, 'database reached').length, 1)
        t.match(await service.send('alice', 'GET', '/readyz'), { status: 200, body: { status: 'ok' } })
      })
    }
  }
)

scenario(t, 'a database that takes no more sessions', { neon, databaseUrl }, async (t, service) => {
  await cutOff(service, front, refusal('53300', 'sorry, too many clients already'))

  for (const answer of await writeKeyedTimes(service, 8)) {
    t.match(answer, { status: 503, code: 'FST_NEON_TOO_MANY_CONNECTIONS', outcome: 'failed' })
    t.match(answer.headers?.get('retry-after'), /^[123]$/)
  }

  // With pauses of at least 50, 100, 200, 400, 800 and 1600 ms, whatever the number of those who wait;
  // and the questions of health after one second and two more.
  t.ok(front.answered <= 7 + 2, `${front.answered} logins`)
  t.equal(said(service, 'database not reached').length, 1)
  front.heal()
})

scenario(
  t,
  'a database that takes fewer sessions than the pool wants',
  { neon, limits: PATIENT },
  async (t, service) => {
    const fault = neon.inject({ type: 'connection-limit', limit: 1 })

    for (const answer of await writeKeyedTimes(service, 8)) t.match(answer, { status: 201 })

    t.ok(fault.hits > 0)
    t.equal(service.stats().total, 1, 'all were served by the one that there was')
  }
)

const rotated = randomUUID()
const given = new URL(neon.url).password

scenario(
  t,
  'a wrong password at the start, which is made the right one',
  {
    neon,
    databaseUrl,
    limits: PATIENT,
    atBoot: () => administer(`alter role neondb_owner password '${rotated}'`, neon.url)
  },
  async (t, service) => {
    await until(() => said(service, 'database not reached').length === 1)

    const answer = await writeKeyed(service)
    const { status, body } = await service.send('kubelet', 'GET', '/readyz')
    await administer(`alter role neondb_owner password '${given}'`, withPassword(rotated))
    await service.recover()

    t.match(answer, { status: 503, code: 'FST_NEON_REFUSED' })
    t.equal(answer.headers?.get('retry-after'), null)
    t.match({ status, body }, { status: 503, body: { status: 'unavailable' } })
    t.match(said(service, 'database not reached'), [{ code: 'FST_NEON_REFUSED', reason: 'password' }])
    await until(async () => (await service.send('kubelet', 'GET', '/readyz')).status === 200)
  }
)

function withPassword(password: string) {
  return Object.assign(new URL(neon.url), { password }).href
}

scenario(
  t,
  'a quota that is spent before the start',
  { neon, limits: PATIENT, atBoot: () => neon.inject({ type: 'login', message: 'quota-exceeded' }) },
  async (t, service) => {
    await until(() => said(service, 'database not reached').length === 1)

    const answers = await writeKeyedTimes(service, 8)

    for (const answer of answers) t.match(answer, { status: 503, code: 'FST_NEON_REFUSED' })
    t.ok(Number(neon.faults()[0]?.hits) < answers.length, 'the login is not tried for each')
    t.match(said(service, 'database not reached'), [{ code: 'FST_NEON_REFUSED', reason: 'quota' }])
    t.match(await service.send('kubelet', 'GET', '/readyz'), { status: 503, body: { status: 'unavailable' } })
  }
)
