/**
 * What a stranger sends over a socket: each is answered with a problem or cut off, costs little, and the
 * service serves on. The numbers are those of test/security/README.md.
 */
import { once } from 'node:events'
import { type IncomingMessage, METHODS } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { SERVER_LIMITS } from '../src/limits.ts'
import { build, CANARY, type TestApp, until } from './support/app.ts'
import { administer } from './support/postgres.ts'

const MIB = 1024 * 1024

interface Listening extends TestApp {
  port: number
  /** The headers of a signed-in request that ends its connection. */
  head: string
  open(bytes?: string): Promise<Socket>
  /** All that the server says to these bytes until it ends the connection. */
  say(bytes: string | Buffer): Promise<string>
}

async function listen(t: Test): Promise<Listening> {
  const built = await build(t)
  const { port } = new URL(await built.app.listen({ port: 0, host: '127.0.0.1' }))
  const head = `Host: x\r\nAuthorization: Bearer ${await built.token('alice')}\r\nConnection: close\r\n`
  return { ...built, port: Number(port), head, open, say }

  async function open(bytes = '') {
    const socket = connect(Number(port), '127.0.0.1')
    t.teardown(() => socket.destroy())
    // Some of them are cut off.
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(bytes)
    return socket
  }

  async function say(bytes: string | Buffer) {
    const socket = await open()
    socket.write(bytes)
    return text(socket).catch(() => 'reset')
  }
}

const isError = ({ level }: Record<string, unknown>) => Number(level) >= 50

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

async function post({ say, head }: Listening, body: string, headers = 'Content-Type: application/json\r\n') {
  return say(
    `POST /tasks HTTP/1.1\r\n${head}${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

async function serves({ as }: TestApp) {
  return (await as('alice')('GET', '/tasks')).status === 200
}

t.test('F1 bodies that are no JSON', async t => {
  const service = await listen(t)

  for (const body of ['', '{', `{"title": "${CANARY}"`, 'null', '[]', '"x"', '\ufeff{}', '{"title": NaN}']) {
    const answer = await post(service, body)
    t.equal(statusOf(answer), 400, JSON.stringify(body))
    t.notMatch(answer, new RegExp(CANARY))
  }
  const notUtf8 = Buffer.from('{"title": "\xff"}', 'latin1')
  const sized = `POST /tasks HTTP/1.1\r\n${service.head}Content-Type: application/json\r\nContent-Length: ${notUtf8.length}\r\n\r\n`
  t.equal(statusOf(await service.say(Buffer.concat([Buffer.from(sized), notUtf8]))), 400, 'not UTF-8')
  for (const type of [
    'text/plain',
    'text/html',
    'application/xml',
    'application/x-www-form-urlencoded',
    'x',
    'application/json; charset=latin1',
    'application/json;CHARSET="utf-16"'
  ])
    t.equal(statusOf(await post(service, '{"title": "x"}', `Content-Type: ${type}\r\n`)), 415, type)
  t.ok(await serves(service))
})

t.test('F2 bodies that are too large', async t => {
  const service = await listen(t)
  const { head, say } = service
  const large = JSON.stringify({ title: 'x', notes: 'x'.repeat(200_000) })

  t.equal(statusOf(await post(service, large)), 413)
  const promise = `POST /tasks HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n`
  t.equal(statusOf(await say(promise)), 413, 'before a byte of it has come')
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  const chunked = `POST /tasks HTTP/1.1\r\n${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
  t.equal(statusOf(await say(chunked + chunk.repeat(4))), 413)
  const bomb = gzipSync(JSON.stringify({ title: 'x', notes: 'x'.repeat(10 * MIB) }))
  const zipped = `POST /tasks HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`
  t.equal(statusOf(await say(Buffer.concat([Buffer.from(zipped), bomb]))), 400, 'nothing is unpacked')
  t.ok(await serves(service))
})

t.test('F3 members that would reach a prototype', async t => {
  const service = await listen(t)

  for (const body of [
    '{"title": "x", "__proto__": {"done": true}}',
    '{"title": "x", "constructor": {"prototype": {"done": true}}}',
    '{"title": "x", "\\u005f_proto__": {}}'
  ])
    t.equal(statusOf(await post(service, body)), 400, body)
  t.equal(({} as Record<string, unknown>).done, undefined)
})

t.test('F4 bodies that are nested deep', async t => {
  const service = await listen(t)
  const deep = 60_000

  for (const body of [
    `{"title": ${'['.repeat(deep)}${']'.repeat(deep)}}`,
    `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`
  ])
    t.equal(statusOf(await post(service, body)), 400)
  t.ok(await serves(service))
})

t.test('F5 requests that drip, and answers that nobody reads', async t => {
  t.intercept(SERVER_LIMITS.http, 'connectionsCheckingInterval', { value: 50 })
  const service = await listen(t)
  const { app, open, head } = service
  t.match(app.server, { headersTimeout: 10_000, requestTimeout: 15_000, timeout: 60_000 })
  // The same, in a time that a test has.
  Object.assign(app.server, { headersTimeout: 200, requestTimeout: 400 })

  const slow = [
    await open('GET /tasks HT'),
    await open(`GET /tasks HTTP/1.1\r\n${head}X-Slow: `),
    await open(
      `POST /tasks HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"ti`
    )
  ]
  for (const answer of await Promise.all(slow.map(socket => text(socket)))) t.equal(statusOf(answer), 408)
  app.server.timeout = 500
  const accepted = once(app.server, 'connection')
  const deaf = await open()
  const [socket]: Socket[] = await accepted
  deaf.pause()
  // It may find out by a reset: what it sent was not read either.
  const closed = new Promise(resolve => deaf.once('close', resolve))
  const request = `GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n`
  deaf.write(request.repeat(20_000))
  await until(async () => (await connectionsOf(service)) === 0)
  t.equal(socket?.timeout, 250, 'Node.js lets it pass twice')
  deaf.resume()
  await closed
  t.ok(await serves(service))
})

t.test('F14 a body that its client gives up', async t => {
  const { app, open, head, logs } = await listen(t)

  const arrived = once(app.server, 'request')
  const socket = await open(
    `POST /tasks HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"ti`
  )
  const [request]: IncomingMessage[] = await arrived
  await until(() => request?.listenerCount('data') === 1)
  socket.destroy()
  await until(() => logs.some(({ msg }) => msg === 'request given up by its client'))

  t.strictSame(logs.filter(isError), [])
})

t.test('F6 floods of headers', async t => {
  const { say, head } = await listen(t)

  t.equal(statusOf(await say(`GET /tasks HTTP/1.1\r\n${head}X: ${'x'.repeat(17_000)}\r\n\r\n`)), 431)
  t.equal(statusOf(await say(`GET /tasks HTTP/1.1\r\n${head}${'X: y\r\n'.repeat(10_000)}\r\n`)), 431)
  const [host = '', ...rest] = head.trimEnd().split('\r\n')
  for (const [count, status] of [
    [100, 200],
    [101, 431],
    [300, 431]
  ] as const) {
    // Those that say who asks come last.
    const headers = [host, ...Array(count - 1 - rest.length).fill('X: y'), ...rest]
    const answer = await say(`GET /tasks HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
    t.equal(statusOf(answer), status, `${count} headers`)
  }
})

t.test('F7 requests that two servers would read as different ones', async t => {
  const service = await listen(t)
  const { say, head } = service
  const smuggled = `GET /livez HTTP/1.1\r\nHost: x\r\n\r\n`

  for (const [what, bytes] of Object.entries({
    'both lengths': `POST /tasks HTTP/1.1\r\n${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    'two lengths': `POST /tasks HTTP/1.1\r\n${head}Content-Length: 0\r\nContent-Length: 40\r\n\r\n${smuggled}`,
    'a length with a sign': `POST /tasks HTTP/1.1\r\n${head}Content-Length: +0\r\n\r\n${smuggled}`,
    'a coding that is not the last': `POST /tasks HTTP/1.1\r\n${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    'a folded header': `GET /tasks HTTP/1.1\r\n${head}X: a\r\n b\r\n\r\n`,
    'a bare line feed': `GET /tasks HTTP/1.1\n${head}\r\n`,
    'a space in front of the colon': `GET /tasks HTTP/1.1\r\n${head}Content-Length : 0\r\n\r\n`,
    'no Host': 'GET /livez HTTP/1.1\r\n\r\n',
    'two Hosts': `GET /livez HTTP/1.1\r\n${head}HOST: y\r\n\r\n`,
    'two Authorizations': `GET /nowhere HTTP/1.1\r\n${head}authorization: Basic eDp5\r\n\r\n`,
    'a NUL in a header': `GET /tasks HTTP/1.1\r\n${head}X: a\0b\r\n\r\n`
  })) {
    const answer = await say(bytes)
    t.equal(statusOf(answer), 400, what)
    t.equal(answer.split('HTTP/1.1 ').length, 2, `${what}: one answer, and the connection ends`)
  }
  t.ok(await serves(service))
})

t.test('F8 paths and queries that are odd', async t => {
  const service = await listen(t)
  const { say, head } = service
  const get = async (url: string) => statusOf(await say(`GET ${url} HTTP/1.1\r\n${head}\r\n`))

  for (const [url, status] of Object.entries({
    '/%ZZ': 400,
    '/tasks/%00': 400,
    '/tasks/%2e%2e%2fetc': 400,
    [`/tasks/${'x'.repeat(100)}`]: 404,
    [`/${'x'.repeat(8000)}`]: 404,
    '//evil.example/tasks': 404,
    '/tasks/../tasks': 404,
    'http://evil.example/nothing': 404,
    '/tasks?limit=1&limit=2': 400,
    '/tasks?limit[]=1': 400,
    '/tasks?limit[a]=1': 400,
    '/tasks?limit=1e1': 400,
    '/tasks?__proto__=1': 400,
    '/tasks?owner=bob': 400,
    '/tasks?q=%ff': 400,
    '/tasks?q=%C3%28': 400,
    '/tasks?q=é': 400,
    '/tasks?q=%': 400,
    '/tasks/11111111-2222-4333-8444-555555555555?a=1': 400,
    '/openapi.json?a=1': 400,
    '/docs?a=1': 400,
    '/docs/static/../../package.json': 404,
    '/docs/static/..%2f..%2fpackage.json': 404
  }))
    t.ok([status, status === 404 ? 414 : status].includes(await get(url)), `${url.slice(0, 40)} is ${status}`)
  t.ok(await serves(service))
  t.strictSame(service.logs.filter(isError), [])
})

t.test('F9 methods that are not there, or are put into a header', async t => {
  const service = await listen(t)
  const { say, head, as, databaseUrl } = service
  const { body: task } = await as('alice')('POST', '/tasks', { title: 'x' })

  for (const method of ['TRACE', 'PUT', 'PROPFIND', 'PURGE', 'QUERY']) {
    const answer = await say(`${method} /tasks/${task.id} HTTP/1.1\r\n${head}\r\n`)
    t.notMatch(answer, /Bearer/, 'nothing is echoed')
    if (METHODS.includes(method))
      t.match(answer, /^HTTP\/1\.1 405 [\s\S]*\nallow: DELETE, GET, HEAD, PATCH\r/, method)
    else t.equal(statusOf(answer), 400, `${method} is none on this Node.js`)
  }
  t.strictSame(service.logs.filter(isError), [])
  t.ok(statusOf(await say('CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n')) !== 200)
  const override = `X-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\n`
  t.equal(statusOf(await say(`GET /tasks/${task.id} HTTP/1.1\r\n${head}${override}\r\n`)), 200)
  t.equal((await administer('select 1 from tasks', databaseUrl)).length, 1)
})

t.test('F10 connections that say nothing', async t => {
  const service = await listen(t)
  const { app, open } = service
  t.equal(app.server.maxConnections, 6000)
  app.server.maxConnections = 20

  const silent = await Promise.all(Array.from({ length: 20 }, () => open()))
  const late = await open()
  await once(late, 'close')
  t.equal(await connectionsOf(service), 20)
  silent[0]?.destroy()
  await until(async () => (await connectionsOf(service)) === 19)
  t.equal(statusOf(await service.say('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')), 200)
})

t.test('F11 headers of a proxy that is not there', async t => {
  const { say, head, logs } = await listen(t)
  const forged = [
    'X-Forwarded-For: 203.0.113.7',
    'X-Forwarded-Host: evil.example',
    'X-Forwarded-Proto: https',
    'Forwarded: for=203.0.113.7',
    'X-Real-IP: 203.0.113.7',
    ''
  ].join('\r\n')

  t.equal(statusOf(await say(`GET /tasks HTTP/1.1\r\n${head}${forged}\r\n`)), 200)
  t.ok(logs.some(({ req }) => (req as { remoteAddress?: string } | undefined)?.remoteAddress === '127.0.0.1'))
  t.notMatch(JSON.stringify(logs), /203\.0\.113\.7|evil\.example/)
})

t.test('F13 lines that a stranger would like in the log', async t => {
  const service = await listen(t)
  const { say, head, logs } = service
  const before = logs.length
  const line = '%0d%0a{"level":60,"msg":"forged"}%1b[31m'

  await say(`GET /${line} HTTP/1.1\r\n${head}User-Agent: \x1b[31mforged\r\n\r\n`)
  await say(`GET /tasks/${line} HTTP/1.1\r\n${head}\r\n`)
  await until(() => logs.length > before + 1)

  t.notOk(
    logs.some(({ msg }) => msg === 'forged'),
    'each line was one JSON document'
  )
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those of a terminal are looked for
  t.notMatch(logs.map(entry => JSON.stringify(entry)).join(''), /[\x00-\x1f]/)
})

function connectionsOf({ app }: TestApp): Promise<number> {
  return new Promise((resolve, reject) =>
    app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  )
}
