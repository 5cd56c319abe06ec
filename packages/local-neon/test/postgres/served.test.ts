/**
 * When a folder counts as served: a process must answer at the port that is written down, with
 * the identity that is written down.
 */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcpServer, type Server } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readRunning, refuseIfServed, removeRunning, writeRunning } from '../../src/postgres/running.ts'
import { IDENTITY_HEADER } from '../../src/proxy/http.ts'
import { folder, until } from '../fixtures/sandbox.ts'

const IDENTITY = 'the one that is written down'

t.test('a folder', async t => {
  t.test('is served when somebody answers with its identity', async t => {
    const { home, port } = await recorded(t, answering(IDENTITY))

    await t.rejects(refuseIfServed(home), {
      code: 'LOCAL_NEON_ALREADY_RUNNING',
      message: `${home} is served already by pid ${process.pid} at 127.0.0.1:${port}`
    })
  })

  t.test('is served though the answer has no end', async t => {
    const { home, server } = await recorded(t, (_request, response) => {
      response.writeHead(426, { [IDENTITY_HEADER]: IDENTITY }).write('endless')
    })

    await t.rejects(refuseIfServed(home), { code: 'LOCAL_NEON_ALREADY_RUNNING' })
    await until('nobody listens to it any more', () => connectionsOf(server).then(count => count === 0))
  })

  t.test('is not served when somebody answers with another identity', async t => {
    const { home } = await recorded(t, answering('of another folder'))

    await t.resolves(refuseIfServed(home))
  })

  t.test('is not served when somebody answers who knows nothing of it', async t => {
    const { home } = await recorded(t, (_request, response) => void response.end('hello'))

    await t.resolves(refuseIfServed(home))
  })

  t.test('is not served when what answers speaks no HTTP', async t => {
    const { home } = await recordedAt(
      t,
      createTcpServer(socket => socket.end('?'))
    )

    await t.resolves(refuseIfServed(home))
  })

  t.test('is not served when nobody is there', async t => {
    const { home, server } = await recorded(t, answering(IDENTITY))
    server.close()
    await once(server, 'close')

    await t.resolves(refuseIfServed(home))
  })

  t.test('is not served when somebody is there who stays silent', async t => {
    const { home } = await recordedAt(
      t,
      createTcpServer(socket => socket.on('error', () => {}))
    )

    await t.resolves(refuseIfServed(home))
  })

  t.test('is not served when nothing is written down', async t => {
    const home = await folder(t)

    await t.resolves(refuseIfServed(home))
  })

  t.test('is not served when what is written down cannot be read', async t => {
    const home = await folder(t)
    await writeFile(join(home, 'running.json'), '{"pid": 1')

    await t.resolves(refuseIfServed(home))
    t.equal(await readRunning(home), undefined)
  })
})

t.test('what is written down', async t => {
  t.test('is read as it was written, until it is removed', async t => {
    const home = await folder(t)
    const running = {
      pid: 1,
      port: 2,
      url: 'postgresql://x',
      postgresPid: 3,
      identity: IDENTITY,
      controlPort: 4
    }

    await writeRunning(home, running)
    const written = await readRunning(home)
    await removeRunning(home)
    await removeRunning(home)

    t.strictSame(written, running)
    t.equal(await readRunning(home), undefined)
  })
})

function answering(identity: string): RequestListener {
  return (_request, response) => void response.writeHead(426, { [IDENTITY_HEADER]: identity }).end('no')
}

function recorded(t: Test, listener: RequestListener) {
  return recordedAt(t, createServer(listener))
}

/** A folder in which the port of this server is written down. */
async function recordedAt<S extends Server>(t: Test, server: S) {
  const home = await folder(t)
  const sockets = new Set<{ destroy(): unknown }>()
  server.on('connection', socket => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  await writeRunning(home, {
    pid: process.pid,
    port,
    url: 'postgresql://x',
    postgresPid: 0,
    identity: IDENTITY
  })
  return { home, port, server }
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise(resolve => server.getConnections((_error, count) => resolve(count)))
}
