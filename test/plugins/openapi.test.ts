import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import openapiTypes, { astToString, COMMENT_HEADER } from 'openapi-typescript'
import t, { type Test } from 'tap'
import { openapiDocument } from '../../dev/openapi-document.ts'
import * as packageErrors from '../../packages/fastify-neon/src/errors/errors.ts'
import * as serviceErrors from '../../src/errors.ts'
import { build } from '../support/app.ts'
import { ROOT } from '../support/processes.ts'
import { withRouteTable } from '../support/route-table.ts'
import { requestsOf, type Schema } from './openapi-requests.ts'

// They are for the platform, and in docs/reference/health-api.md and docs/reference/metrics.md; and what shows the document is not in it.
const LEFT_OUT = /^(?:HEAD,)?GET \/(?:livez|readyz|startupz|metrics|openapi\.json|docs(?:\/.*)?)$/

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

interface Operation {
  operationId: string
  summary: string
  tags: string[]
  security: object[]
  parameters?: { in: string; name: string; required?: boolean; schema: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, { description: string; content?: object }>
}

t.test('the OpenAPI document', async t => {
  const { app } = await build(t)
  const { document, operations } = await fetchDocument(app)

  t.test('is valid, by the schema of OpenAPI 3.1', async t => {
    const { valid, errors } = await new Validator().validate(structuredClone(document))

    t.equal(document.openapi, '3.1.0')
    t.ok(valid, JSON.stringify(errors))
  })

  t.test('is docs/openapi.json: after a change, npm run openapi', async t => {
    const made = await openapiDocument()

    t.equal(made, read('docs/openapi.json'))
    t.strictSame(document, JSON.parse(made), 'and what the service answers')
  })

  t.test('is what the types of the frontend are made of', async t => {
    const types = astToString(await openapiTypes(document))

    t.equal(`${COMMENT_HEADER}${types}`, read('frontend/src/services/api.d.ts'))
  })

  t.test('has every route of the application, but those of the platform', async t => {
    const routes = await routesOf(t)

    t.strictSame(
      routes.filter(route => !LEFT_OUT.test(route)),
      operations.map(({ method, path }) => `${method} ${path}`).sort()
    )
    for (const path of ['/livez', '/readyz', '/startupz', '/metrics']) t.ok(routes.includes(`GET ${path}`))
  })

  t.test('says of every route what it is, who may, and how it fails', async t => {
    const ids = operations.map(({ operationId }) => operationId)
    t.equal(new Set(ids).size, operations.length)

    for (const { path, operationId, summary, tags, security, responses } of operations) {
      t.match({ operationId, summary }, { operationId: /^[a-z]\w+$/, summary: /^[A-Z].*[^.]$/ }, path)
      t.strictSame({ tags, security }, { tags: ['tasks'], security: [{ bearer: [] }] })
      for (const [status, { description, content }] of Object.entries(responses)) {
        t.not(description, 'Default Response')
        if (Number(status) >= 400)
          t.match(content, { 'application/problem+json': { schema: { $ref: /Problem$/ } } })
      }
      t.match(Object.keys(responses).sort().at(-1), '503')
    }
  })

  t.test('names the errors of each route, each at its status', async t => {
    const { DATABASE_FAILURES, ...classes } = { ...packageErrors, ...serviceErrors }
    const statuses = new Map([
      ...Object.values(classes).map(
        ErrorClass => [new ErrorClass('').code, new ErrorClass('').statusCode] as const
      ),
      ...Object.values(DATABASE_FAILURES).map(({ code, statusCode }) => [code as string, statusCode] as const)
    ])

    for (const { operationId, responses } of operations) {
      for (const [status, { description }] of Object.entries(responses)) {
        for (const [, code = ''] of description.matchAll(/`((?:APP|FST_NEON)_\w+)`/g))
          t.equal(statuses.get(code), Number(status), `${operationId} ${code}`)
      }
    }
    const changing = operations.find(({ operationId }) => operationId === 'updateTask')
    t.match(changing?.responses, {
      412: { description: /APP_TASK_CHANGED/ },
      429: { description: /APP_RATE_LIMITED/ }
    })
  })

  t.test('allows no request that is refused with 400', async t => {
    const { app, token } = await build(t)
    const headers = { authorization: `Bearer ${await token('alice')}` }
    const statuses = new Map<string, Set<number>>()

    for (const { method, path, operationId, ...operation } of operations) {
      const seen = new Set<number>()
      statuses.set(operationId, seen)
      await fc.assert(
        fc.asyncProperty(requestsOf(operation), async ({ at, query, header, body }) => {
          const url = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(at[name])))
          const { statusCode, body: text } = await app.inject({
            method: method as 'GET',
            url,
            query,
            headers: { ...headers, ...header },
            ...(body !== undefined && { payload: body })
          })
          seen.add(statusCode)
          if (statusCode === 400 || statusCode >= 500) throw new Error(text)
        }),
        { numRuns: 50 }
      )
    }

    t.strictSame(
      ['listTasks', 'createTask'].map(name => statuses.get(name)?.has(name === 'listTasks' ? 200 : 201)),
      [true, true]
    )
  })

  t.test('says nothing of who asks, and needs no token', async t => {
    const { body: mine } = await app.inject({
      url: '/openapi.json',
      headers: { authorization: 'Bearer nonsense' }
    })

    t.strictSame(JSON.parse(mine), document)
    t.notMatch(mine, /127\.0\.0\.1|localhost|postgres/)
  })
})

t.test('the page of the API', async t => {
  t.test('takes everything from here, under a policy that allows nothing else', async t => {
    const { app } = await build(t)

    const page = await app.inject('/docs')
    const sources = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => `${source}`)

    t.match(
      page.headers['content-security-policy'],
      /^default-src 'none'; script-src 'self'; style-src 'self';/
    )
    t.notMatch(page.headers['content-security-policy'], /unsafe|https?:|\*/)
    t.notMatch(
      page.body,
      /<script(?![^>]* src=)|<style|style=|\son\w+=/,
      'nothing that the policy would refuse'
    )
    t.ok(sources.length > 3)
    for (const source of sources) {
      t.match(source, /^\/docs\/static\//)
      t.equal((await app.inject(source)).statusCode, 200, source)
    }
  })

  t.test('is not there when it is off, nor is the document', async t => {
    const { app } = await build(t, { API_DOCS: 'off' })

    for (const url of ['/docs', '/docs/', '/docs/json', '/docs/static/swagger-ui.css', '/openapi.json'])
      t.equal((await app.inject(url)).statusCode, 404, url)
  })

  t.test('gives no file but its own', async t => {
    const { app, logs } = await build(t)
    const get = async (path: string, headers = {}) => app.inject({ url: `/docs/static/${path}`, headers })

    for (const path of [
      '../package.json',
      '../../package.json',
      '..%2fpackage.json',
      '%2e%2e/package.json',
      '..%5cpackage.json',
      '%00',
      '.env'
    ]) {
      const { statusCode, body } = await get(path)
      t.match([statusCode, JSON.parse(body)], [404, { code: 'APP_ROUTE_NOT_FOUND' }], path)
    }
    t.equal((await get('index.css', { range: 'bytes=99999999-' })).statusCode, 404)
    t.strictSame(
      logs.filter(({ level }) => Number(level) >= 50),
      []
    )
  })
})

async function fetchDocument(app: FastifyInstance) {
  const document = (await app.inject('/openapi.json')).json()
  const operations = Object.entries<Record<string, Operation>>(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      path,
      method: method.toUpperCase()
    }))
  )
  return { document, operations }
}

/** Written as in the document. HEAD comes with GET. */
async function routesOf(t: Test): Promise<string[]> {
  const { routes } = await withRouteTable(() => build(t))
  const names = routes
    .filter(({ method }) => method !== 'HEAD')
    .map(({ method, url }) => `${method} ${url.replace(/:(\w+)/g, '{$1}').replace(/(?<=.)\/$/, '')}`)
  return [...new Set(names)].sort()
}
