import { eq } from 'drizzle-orm'
import t from 'tap'
import { tasks } from '../../src/db/schema/tasks.ts'
import { answersWithoutUser, breachesOf, buildWithRoutes, isPublic } from './routes.ts'

const app = await buildWithRoutes(t)
const routesOfUsers = app.routes.filter(route => !isPublic(route))

t.test('there are routes of users', async t => {
  t.ok(routesOfUsers.length >= 5)
})

for (const route of routesOfUsers) {
  t.test(`${route.method} ${route.url}`, async t => {
    t.test('answers 401 without a token that holds', async t => {
      for (const { status } of await answersWithoutUser(app, route)) t.equal(status, 401)
    })

    t.test('H1 H2 H9 reaches nothing of another user', async t => {
      t.strictSame(await breachesOf(app, route), [])
    })
  })
}

t.test('a route that leaks is found', async t => {
  const leaking = await buildWithRoutes(t, app => {
    app.get<{ Params: { id: string } }>(
      '/leak/:id',
      {
        onRequest: app.authenticate,
        schema: { params: { type: 'object', properties: { id: { type: 'string' }, of: { type: 'string' } } } }
      },
      // As the owner of the tables, whose policies do not hold for this login.
      async ({ params }) =>
        (await app.db.$client.query('select * from tasks where id = $1', [params.id])).rows
    )
    app.get('/open', async () => 'for everybody')
    app.get<{ Params: { id: string } }>('/kept/:id', { onRequest: app.authenticate }, ({ db, params }) =>
      db.select().from(tasks).where(eq(tasks.id, params.id))
    )
  })
  const routeOf = (url: string) => {
    const route = leaking.routes.find(route => route.url === url)
    if (!route) throw new Error(`no route ${url}`)
    return route
  }

  const breaches = await breachesOf(leaking, routeOf('/leak/:id'))
  t.ok(breaches.includes('shows the row of another user'))
  t.ok(breaches.includes('the id of another user is answered with 200'))
  t.ok(breaches.includes('nobody has said what of another user may be in params.of'))
  t.ok((await answersWithoutUser(leaking, routeOf('/open'))).some(({ status }) => status !== 401))
  t.strictSame(
    await breachesOf(leaking, routeOf('/kept/:id')),
    [],
    'a filter that was forgotten is the database’s'
  )
})
