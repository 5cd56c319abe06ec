import { METHODS } from 'node:http'
import fastify, { type HTTPMethods } from 'fastify'
import t, { type Test } from 'tap'
import errorHandlerPlugin from '../../../src/plugins/http/error-handler.ts'
import notFoundPlugin from '../../../src/plugins/http/not-found.ts'

async function build(t: Test) {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(errorHandlerPlugin)
  await app.register(notFoundPlugin)
  app.get('/things/:id', async (_request, reply) => reply.callNotFound())
  app.route({ method: ['PUT', 'DELETE'], url: '/things/:id', handler: async () => 'done' })
  await app.register(async things => things.get('/', async () => 'all'), { prefix: '/things' })
  app.options('*', async () => 'preflight')
  const ask = async (method: string, url: string, payload?: string) => {
    const headers = payload === undefined ? {} : { 'content-type': 'text/html' }
    const answer = await app.inject({
      method: method as HTTPMethods,
      url,
      headers,
      ...(payload && { payload })
    })
    const { code } = answer.headers['content-type']?.toString().includes('json') ? answer.json() : {}
    return [answer.statusCode, code, answer.headers.allow]
  }
  return ask
}

t.test('a path that leads nowhere is 404, whatever the method', async t => {
  const ask = await build(t)

  for (const method of METHODS.filter(method => !['CONNECT', 'HEAD', 'OPTIONS'].includes(method)))
    t.strictSame(await ask(method, '/nowhere'), [404, 'APP_ROUTE_NOT_FOUND', undefined], method)
  t.strictSame(await ask('GET', '/things/1'), [404, 'APP_ROUTE_NOT_FOUND', undefined], 'behind a route too')
})

t.test('a method that a path does not have is 405, with those that it has', async t => {
  const ask = await build(t)

  const allowed = 'DELETE, GET, HEAD, PUT'
  const others = METHODS.filter(
    method => !['CONNECT', 'OPTIONS'].includes(method) && !allowed.includes(method)
  )
  for (const method of others)
    t.strictSame(await ask(method, '/things/1?a=b'), [405, 'APP_METHOD_NOT_ALLOWED', allowed], method)
  for (const url of ['/things', '/things/'])
    t.strictSame(await ask('POST', url), [405, 'APP_METHOD_NOT_ALLOWED', 'GET, HEAD'], url)
  t.strictSame(
    await ask('POST', '/things/1', '<p>'),
    [405, 'APP_METHOD_NOT_ALLOWED', allowed],
    'before its body'
  )
})
