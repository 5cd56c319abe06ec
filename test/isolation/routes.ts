/**
 * Every route of the application, tried by a user with what belongs to another: made from the route table,
 * so that a route which is new is tried too, and one with a parameter that nobody knows of is told.
 */
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { build, type TestApp } from '../support/app.ts'
import { administer } from '../support/postgres.ts'
import { withRouteTable } from '../support/route-table.ts'

/** Without a user: what they answer is the same for everybody. */
const PUBLIC = new Set(['/livez', '/readyz', '/startupz', '/metrics', '/openapi.json'])
const PUBLIC_FOLDERS = ['/docs/']

const NOBODYS_ID = '11111111-2222-4333-8444-555555555555'
const SECRET = 'secret-of-alice'

/** What of another user may stand in a parameter; a value that names nobody is tried too. */
const KNOWN = {
  params: new Set(['id']),
  querystring: new Set(['limit', 'cursor', 'sort', 'q', 'done']),
  headers: new Set(['if-match', 'if-none-match', 'idempotency-key'])
}

interface ObjectSchema {
  properties?: Record<string, { type?: string }>
  required?: string[]
}

export interface Route {
  method: string
  url: string
  schema: Partial<Record<'params' | 'querystring' | 'headers' | 'body', ObjectSchema>>
}

export interface RoutedApp extends TestApp {
  routes: Route[]
}

/** `extend` adds routes before the application is ready. */
export async function buildWithRoutes(
  t: Test,
  extend: (app: FastifyInstance) => void = () => {}
): Promise<RoutedApp> {
  const { made: built, routes } = await withRouteTable(() => build(t))
  extend(built.app)
  await built.app.ready()
  return { ...built, routes: routes as Route[] }
}

export function isPublic({ url, method }: Route): boolean {
  // The preflight of a browser carries no token.
  return (
    method === 'OPTIONS' || PUBLIC.has(url) || PUBLIC_FOLDERS.some(folder => `${url}/`.startsWith(folder))
  )
}

interface Attempt {
  id?: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: Record<string, unknown>
}

interface Outcome {
  status: number
  text: string
}

/** What one user reaches of another through this route; empty when nothing. */
export async function breachesOf(app: RoutedApp, route: Route): Promise<string[]> {
  const { schema } = route
  const breaches = unknownParameters(route)
  const alice = await seed(app)
  const bob = await seed(app, 'bob', 'of bob')
  const before = await rowsOf(app, 'alice')

  const foreign = await attempt({ id: alice.id })
  const missing = await attempt({ id: NOBODYS_ID })
  if ('id' in (schema.params?.properties ?? {})) {
    if (foreign.status < 400) breaches.push(`the id of another user is answered with ${foreign.status}`)
    if (foreign.status !== missing.status || foreign.text !== missing.text)
      breaches.push('the id of another user is answered otherwise than one that never was')
    for (const tag of [alice.etag, '*', '"1"', 'W/"1"']) {
      const headers = { 'if-match': tag, 'if-none-match': tag }
      const there = await attempt({ id: alice.id, headers })
      const nowhere = await attempt({ id: NOBODYS_ID, headers })
      if (there.status < 400 || there.text !== nowhere.text)
        breaches.push(`the ETag ${tag} tells of another user's row`)
    }
  }
  for (const name of ['owner', 'user', 'sub', 'id', 'version']) {
    const value = name === 'id' ? alice.id : 'alice'
    const inQuery = await attempt({ id: bob.id, query: { [name]: value } })
    if (schema.querystring && inQuery.status < 400) breaches.push(`takes ${name} in the query`)
    const inBody = await attempt({ id: bob.id, body: { [name]: value } })
    if (schema.body && inBody.status < 400) breaches.push(`takes ${name} in the body`)
  }
  if (schema.querystring?.properties?.cursor) {
    const { status } = await attempt({ query: { cursor: alice.cursor, limit: '1' } })
    if (status < 400) breaches.push('takes the cursor of another user')
  }
  const key = { 'idempotency-key': alice.key }
  // With the words of the other one, which are in the answer then.
  const repeated = { id: bob.id, headers: key, body: alice.body }
  const replayed = await request(app, route, repeated, await app.token('bob'))
  if (replayed.text.includes(alice.id)) breaches.push('answers under a key what another user was answered')

  if (JSON.stringify(await rowsOf(app, 'alice')) !== JSON.stringify(before))
    breaches.push('changes the row of another user')
  return breaches

  async function attempt(tried: Attempt): Promise<Outcome> {
    const outcome = await request(app, route, tried, await app.token('bob'))
    if (outcome.text.includes(SECRET)) breaches.push('shows the row of another user')
    return outcome
  }
}

/** What the route answers who has no token, or none that holds. */
export async function answersWithoutUser(app: RoutedApp, route: Route): Promise<Outcome[]> {
  const { id } = await seed(app)
  const tokens = [undefined, await app.token('alice', '-1h'), 'none', `${await app.token('alice')}x`]
  return Promise.all(tokens.map(token => request(app, route, { id }, token)))
}

function unknownParameters({ schema }: Route): string[] {
  return Object.entries(KNOWN).flatMap(([place, known]) =>
    Object.keys(schema[place as keyof typeof KNOWN]?.properties ?? {})
      .filter(name => !known.has(name))
      .map(name => `nobody has said what of another user may be in ${place}.${name}`)
  )
}

async function request(
  { app }: RoutedApp,
  { method, url, schema }: Route,
  { id = NOBODYS_ID, query = {}, headers = {}, body = {} }: Attempt,
  token: string | undefined
): Promise<Outcome> {
  const payload = schema.body && { ...filled(schema.body), ...body }
  const response = await app.inject({
    method: method as 'GET',
    url: url.replace(/:\w+/g, id),
    query,
    headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    ...(payload && { payload })
  })
  return { status: response.statusCode, text: response.body }
}

/** Something for each member, so that a route gets past its schema. */
function filled({ properties = {} }: ObjectSchema): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, { type }]) => [name, type === 'boolean' ? true : 'x'])
  )
}

/** A row of this user, and what names it. */
async function seed({ as, app, token }: RoutedApp, user = 'alice', title = SECRET) {
  const body = { title, notes: title }
  const key = crypto.randomUUID()
  const headers = { authorization: `Bearer ${await token(user)}`, 'idempotency-key': key }
  const created = await app.inject({ method: 'POST', url: '/tasks', headers, payload: body })
  const { id } = created.json()
  await as(user)('POST', '/tasks', body)
  const { body: page } = await as(user)('GET', '/tasks?limit=1')
  return { id: String(id), etag: String(created.headers.etag), cursor: String(page.nextCursor), key, body }
}

function rowsOf({ databaseUrl }: RoutedApp, owner: string) {
  return administer(`select * from tasks where owner = '${owner}' order by id`, databaseUrl)
}
