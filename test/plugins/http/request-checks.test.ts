import { Type } from '@sinclair/typebox'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import errorHandlerPlugin from '../../../src/plugins/http/error-handler.ts'
import requestChecksPlugin from '../../../src/plugins/http/request-checks.ts'

async function build(t: Test) {
  const app = fastify({ ajv: { customOptions: { removeAdditional: false, coerceTypes: false } } })
  t.teardown(() => app.close())
  await app.register(errorHandlerPlugin)
  await app.register(requestChecksPlugin)
  app.post('/echo', async ({ body }) => body)
  app.get(
    '/query',
    { schema: { querystring: Type.Object({ q: Type.Optional(Type.String()) }) } },
    async ({ query }) => query
  )
  return app
}

// Node.js 20 passes them on, and later lines refuse them in their parser, which `inject` goes past.
t.test('a request with more than 100 headers is refused, where the parser has not', async t => {
  const app = await build(t)
  const codeWith = async (count: number) => {
    const headers = Object.fromEntries(Array.from({ length: count }, (_none, index) => [`x-${index}`, '']))
    const { statusCode, body } = await app.inject({ url: '/query', headers })
    return [statusCode, JSON.parse(body).code]
  }

  t.strictSame(await codeWith(90), [200, undefined])
  t.strictSame(await codeWith(101), [431, 'APP_HEADERS_TOO_LARGE'])
})

t.test('a body', async t => {
  const app = await build(t)
  const post = (payload: Buffer | string, type = 'application/json') =>
    app.inject({ method: 'POST', url: '/echo', headers: { 'content-type': type }, payload })
  const codeOf = async (...given: Parameters<typeof post>) => {
    const { statusCode, body } = await post(...given)
    return [statusCode, JSON.parse(body).code]
  }

  t.test('is JSON in UTF-8, whether the charset is named or not', async t => {
    for (const type of [
      'application/json',
      'application/json; charset=utf-8',
      'application/json;charset="UTF8"'
    ])
      t.strictSame((await post('{"a":"äöü \u{1F600}"}', type)).json(), { a: 'äöü \u{1F600}' }, type)
  })

  t.test('with bytes that are no UTF-8 is refused, where they would become another character', async t => {
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf5, 0x80, 0x80, 0x80]]) {
      const payload = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')])
      t.strictSame(await codeOf(payload), [400, 'FST_ERR_CTP_INVALID_JSON_BODY'], bytes.join(' '))
    }
  })

  t.test('in another charset is refused', async t => {
    for (const charset of ['latin1', '"iso-8859-1"', 'utf-16', 'utf-7', ''])
      t.strictSame(
        await codeOf('{}', `application/json; charset=${charset}`),
        [415, 'FST_ERR_CTP_INVALID_MEDIA_TYPE'],
        charset
      )
  })

  t.test('that would reach a prototype, or is empty, is refused as Fastify does', async t => {
    t.strictSame(await codeOf('{"__proto__":{}}'), [400, 'FST_ERR_CTP_INVALID_JSON_BODY'])
    t.strictSame(await codeOf('{"constructor":{"prototype":{}}}'), [400, 'FST_ERR_CTP_INVALID_JSON_BODY'])
    t.strictSame(await codeOf(''), [400, 'FST_ERR_CTP_EMPTY_JSON_BODY'])
  })
})

t.test('a URL', async t => {
  const app = await build(t)
  const statusOf = async (url: string) => (await app.inject(url)).statusCode

  t.test('has percent-encoded UTF-8 in its query', async t => {
    t.strictSame((await app.inject('/query?q=%C3%A4+b%20c')).json(), { q: 'ä b c' })
    for (const query of ['q=%ff', 'q=%C3', 'q=%ED%A0%80', 'q=%', 'q=%zz', '%ff=1'])
      t.equal(await statusOf(`/query?${query}`), 400, query)
    t.equal(await statusOf('/nowhere?q=%ff'), 400, 'whatever it leads to')
  })

  t.test('has no member in its query that its route does not name', async t => {
    const refused = await app.inject({ method: 'POST', url: '/echo?a=1', payload: {} })

    t.match([refused.statusCode, refused.json().code], [400, 'FST_ERR_VALIDATION'])
    t.equal((await app.inject({ method: 'POST', url: '/echo?', payload: {} })).statusCode, 200)
  })
})
