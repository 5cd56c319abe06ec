import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import fastify, { type FastifyHttpOptions } from 'fastify'
import t, { type Test } from 'tap'
import { respondToClientError } from '../../../src/plugins/http/client-error.ts'
import { CANARY, captureLog } from '../../support/app.ts'

async function listen(t: Test, options: FastifyHttpOptions<Server> = {}) {
  const { logs, stream } = captureLog('postgresql://me:s3cr3t-word@host/db')
  const app = fastify({
    ...options,
    clientErrorHandler: respondToClientError,
    logger: { stream, level: 'trace' }
  })
  t.teardown(() => app.close())
  app.post('/', async () => 'done')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { app, logs, send }

  /** What the server says until it ends the connection. */
  async function send(bytes: string) {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    socket.write(bytes)
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n')
    return { head, problem: JSON.parse(body) }
  }
}

t.test('what is not HTTP', async t => {
  t.test('is answered with a problem, and the connection ends', async t => {
    const { send, logs } = await listen(t)

    const { head, problem } = await send(`GET /${CANARY} FTP/9\r\n\r\n`)

    t.match(head, /^HTTP\/1\.1 400 Bad Request\r\n/)
    t.match(head, /^content-type: application\/problem\+json$/im)
    t.match(head, /^connection: close$/im)
    t.match(head, `Content-Length: ${JSON.stringify(problem).length}`)
    t.strictSame(problem, {
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      code: 'APP_MALFORMED_REQUEST',
      detail: 'what came is not a request of HTTP/1.1'
    })
    t.match(JSON.stringify(logs), 'what came is no request')
  })

  for (const [title, bytes] of Object.entries({
    'two lengths': 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx',
    'a length and chunks':
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
    'a header with a NUL': 'POST / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n',
    'a method that is none': 'STEAL / HTTP/1.1\r\nHost: x\r\n\r\n'
  })) {
    t.test(`such as ${title}, is a 400`, async t => {
      const { send } = await listen(t)

      t.match((await send(bytes)).problem, { status: 400, code: 'APP_MALFORMED_REQUEST' })
    })
  }

  t.test('or has too many headers, is a 431', async t => {
    const { send } = await listen(t)

    const { head, problem } = await send(`POST / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`)

    t.match(head, /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
    t.match(problem, { status: 431, code: 'APP_HEADERS_TOO_LARGE' })
  })

  t.test('or does not come to its end, is a 408', async t => {
    const { send } = await listen(t, {
      requestTimeout: 100,
      http: { headersTimeout: 50, connectionsCheckingInterval: 20 }
    })

    t.match((await send('POST / HTTP/1.1\r\nHost:')).problem, { status: 408, code: 'APP_REQUEST_TIMEOUT' })
  })

  t.test('gets no answer where nobody reads it', async t => {
    const { app } = await listen(t)
    const fail = (socket: Socket, code: string) =>
      respondToClientError.call(app, Object.assign(new Error(), { code }), socket)

    const destroyed = new Socket()
    destroyed.destroy()
    const ended = new Socket({ fd: undefined, writable: false })

    t.doesNotThrow(() => fail(destroyed, 'HPE_INVALID_METHOD'))
    t.doesNotThrow(() => fail(new Socket(), 'ECONNRESET'))
    fail(ended, 'HPE_INVALID_METHOD')
    t.ok(ended.destroyed)
  })
})
