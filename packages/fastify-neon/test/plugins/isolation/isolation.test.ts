import { getEventListeners } from 'node:events'
import { join } from 'node:path'
import fastify from 'fastify'
import fp from 'fastify-plugin'
import t, { type Test } from 'tap'
import { until } from '../../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../../test/support/postgres.ts'
import { ROOT } from '../../../../../test/support/processes.ts'
import { addDatabase } from '../../../src/plugins/databases.ts'
import type { DbOptions } from '../../../src/plugins/db.ts'
import type { HealthOptions } from '../../../src/plugins/health/health.ts'
import isolationPlugin, { type IsolationOptions } from '../../../src/plugins/isolation/isolation.ts'
import { apply } from '../../migrations/folders.ts'
import { createRole, PASSWORD, urlAs } from '../../rls-audit/audits.ts'
import { backend } from '../backend.ts'

const FOLDER = join(ROOT, 'drizzle')
// After a second a check that has failed is run again.
const LONGER_THAN_A_PAUSE_MS = 1500
const REFUSED = 'the database does not keep the rows of users apart'

interface World {
  isolation?: IsolationOptions
  health?: HealthOptions
  url?: string
  types?: DbOptions['types']
  /** Of the db plugin. */
  role?: string
}

async function isolated(
  t: Test,
  { isolation = { role: 'app_user' }, health = {}, url, types, role }: World = {}
) {
  const connectionString = url ?? (await createDatabase(t))
  const built = await backend(t, health, { connectionString, types, role })
  const { app } = built
  await app.register(isolationPlugin, isolation)
  await app.ready()
  const statusOf = async (path: string) => (await app.inject(path)).statusCode
  return {
    ...built,
    statusOf,
    statuses: () => Promise.all(['/livez', '/readyz', '/startupz'].map(statusOf)),
    checkState: () => app.health.state().checks.isolation?.state,
    untilReady: () => until(async () => (await statusOf('/readyz')) === 200)
  }
}

t.test('the isolation plugin', async t => {
  t.test('lets a process be ready whose role keeps the rows apart, and names a warning once', async t => {
    const { statuses, said, untilReady } = await isolated(t)
    await untilReady()

    t.strictSame(await statuses(), [200, 200, 200])
    t.match(said('the RLS audit has warnings'), [
      { level: 40, findings: [{ code: 'login-bypass', fix: /created by SQL/ }] }
    ])
  })

  t.test('audits the role of the db plugin when it is given none', async t => {
    const { statusOf, untilReady } = await isolated(t, { isolation: {}, role: 'app_user' })
    await untilReady()

    t.equal(await statusOf('/readyz'), 200)
    const login = await isolated(t, { isolation: {} })
    await until(() => login.said(REFUSED).length > 0)
    t.equal(await login.statusOf('/readyz'), 503)
  })

  t.test('names a warning at the level that it is given, and refuses one that there is not', async t => {
    const { said, untilReady } = await isolated(t, {
      isolation: { role: 'app_user', warningLevel: 'info' }
    })
    await untilReady()

    t.match(said('the RLS audit has warnings'), [{ level: 30 }])
    await t.rejects(isolated(t, { isolation: Object({ warningLevel: 'loud' }) }), {
      code: 'FST_NEON_OPTION_INVALID',
      message: 'warningLevel must be one of warn, info'
    })
  })

  t.test('reads the catalog as it is, whatever parsers the pool has', async t => {
    const types = { getTypeParser: () => (value: string) => `parsed ${value}` }
    const { statuses, untilReady } = await isolated(t, { types })
    await untilReady()

    t.strictSame(await statuses(), [200, 200, 200])
  })

  t.test('lets the database sleep: once it has passed, no probe sends a statement', async t => {
    const { app, databaseUrl, statusOf, untilReady } = await isolated(t)
    await untilReady()
    const { checkouts } = app.db.$client.stats()
    await administer('alter table tasks no force row level security', databaseUrl)

    const statuses = new Set()
    const start = performance.now()
    await until(async () => {
      statuses.add(await statusOf('/readyz'))
      return performance.now() - start > LONGER_THAN_A_PAUSE_MS
    })

    t.strictSame([...statuses], [200])
    t.equal(app.db.$client.stats().checkouts, checkouts)
  })

  t.test(
    'refuses readiness to the login of the owner that does not switch, and says how that is fixed',
    async t => {
      const { statuses, said } = await isolated(t, { isolation: {} })
      await until(() => said('check is failed').length > 0)

      t.strictSame(await statuses(), [200, 503, 503])
      t.match(said(REFUSED), [
        {
          level: 50,
          role: 'neondb_owner',
          findings: [
            { code: 'bypassrls', object: 'neondb_owner', fix: /name a role created by SQL/ },
            { code: 'bypass-member' },
            { code: 'role-attributes' }
          ]
        }
      ])
      t.match(said('check is failed'), [
        { check: 'isolation', err: { code: 'FST_NEON_NOT_ISOLATED', message: /: bypassrls, bypass-member/ } }
      ])
    }
  )

  for (const [title, isolation] of [
    ['with a switch', { role: 'app_user' }],
    ['without one', {}]
  ] as const) {
    t.test(
      `lets a restricted login be ready that was made by SQL, ${title}, and warns of nothing`,
      async t => {
        const login = await createRole(t, `login password '${PASSWORD}' in role app_user`)
        const { lines, untilReady } = await isolated(t, {
          isolation,
          url: urlAs(login, await createDatabase(t)),
          health: { migrations: { folder: FOLDER } }
        })
        await untilReady()

        t.strictSame(
          lines.filter(({ level }) => Number(level) > 30),
          []
        )
      }
    )
  }

  t.test('looks again while it fails, and is ready soon after it is fixed', async t => {
    const url = await createDatabase(t)
    await administer('alter table tasks no force row level security', url)
    const { said, statusOf, checkState, untilReady } = await isolated(t, { url })
    await until(() => said(REFUSED).length > 0)
    t.equal(await statusOf('/readyz'), 503)

    await administer('alter table tasks force row level security', url)
    await untilReady()

    t.equal(checkState(), 'ok')
    t.equal(said(REFUSED).length, 1)
    t.match(said('check is ok'), [{ level: 30, check: 'isolation' }])
  })

  t.test('does not judge before the migrations are complete', async t => {
    const url = await createDatabase(t, { migrated: false })
    await administer('create table notes ()', url)
    const health = { migrations: { folder: FOLDER } }
    const { app, said, checkState, statuses, untilReady } = await isolated(t, { url, health })
    await until(() => app.health.state().migrations.state === 'pending')

    t.strictSame(await statuses(), [200, 503, 503])
    t.equal(checkState(), 'pending')
    t.strictSame(said(REFUSED), [])

    await apply(url, FOLDER)
    await until(() => said(REFUSED).length > 0)
    t.match(said(REFUSED), [{ findings: [{ code: 'no-owner-column', object: 'public.notes' }] }])
    await administer('drop table notes', url)
    await untilReady()
  })

  t.test('closes while it waits for the migrations', async t => {
    const url = await createDatabase(t, { migrated: false })
    const { app, checkState, said } = await isolated(t, { url, health: { migrations: { folder: FOLDER } } })
    await until(() => app.health.state().migrations.state === 'pending')

    await app.close()

    t.equal(checkState(), 'pending')
    t.strictSame(said('check is failed'), [])
  })

  t.test('does not look at a database that was never reached', async t => {
    const url = Object.assign(new URL(await createDatabase(t)), { port: '1' }).href
    const { said, checkState, statusOf } = await isolated(t, { url })
    await until(() => said('database not reached').length > 0)

    t.equal(await statusOf('/readyz'), 503)
    t.equal(checkState(), 'pending')
  })

  t.test('needs the plugins db and health, and tables to audit', async t => {
    await t.rejects(async () => fastify().register(isolationPlugin, {}), /fastify-neon-db/)
    const { app } = await backend(t)

    await t.rejects(async () => app.register(isolationPlugin, { schemas: [] }), {
      code: 'FST_NEON_OPTION_INVALID'
    })
  })
})

t.test('the wait of the isolation plugin for the migrations', async t => {
  async function waiting(t: Test) {
    const app = fastify()
    t.teardown(() => app.close())
    const transitions = new Set<() => void>()
    let check = async (_signal: AbortSignal): Promise<void> => {}
    let waitingFor = ['migrations-pending']
    const health = {
      addCheck: (registered: { check: typeof check }) => {
        check = registered.check
      },
      state: () => ({ waitingFor }),
      onTransition(listener: () => void) {
        transitions.add(listener)
        return () => transitions.delete(listener)
      }
    }
    const query = async () => Promise.reject(new Error('looked'))
    await app.register(
      fp(async each => addDatabase(each, { name: 'db', pool: { query } as never, critical: true }), {
        name: 'fastify-neon-db'
      })
    )
    await app.register(
      fp(async each => void each.decorate('health', health as never), { name: 'fastify-neon-health' })
    )
    await app.register(isolationPlugin, {})
    const controller = new AbortController()
    const run = check(controller.signal)
    run.catch(() => {})
    const turn = async (conditions: string[]) => {
      waitingFor = conditions
      for (const listener of [...transitions]) listener()
      await new Promise(resolve => setImmediate(resolve))
    }
    const listeners = () => [getEventListeners(controller.signal, 'abort').length, transitions.size]
    return { run, controller, turn, listeners }
  }

  t.test('leaves no listener behind on its signal, however often the state changes', async t => {
    const { run, turn, listeners } = await waiting(t)

    for (let times = 0; times < 20; times += 1) await turn(['migrations-pending'])
    t.strictSame(listeners(), [1, 1])
    await turn([])

    await t.rejects(run)
    t.strictSame(listeners(), [0, 0])
  })

  t.test('ends with its signal', async t => {
    const { run, controller, listeners } = await waiting(t)

    controller.abort(new Error('closing'))

    await t.rejects(run, { message: 'closing' })
    t.strictSame(listeners(), [0, 0])
  })
})
