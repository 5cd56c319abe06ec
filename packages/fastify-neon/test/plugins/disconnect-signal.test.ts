import { once } from 'node:events'
import { request } from 'node:http'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { build, until } from '../../../../test/support/app.ts'
import { administer, holdTable, isWaiting } from '../../../../test/support/postgres.ts'
import { disconnectSignal } from '../../src/plugins/disconnect-signal.ts'

async function listen(t: Test) {
  const { app, token, databaseUrl, logs } = await build(t)
  await until(() => app.db.$client.idleCount === 1)
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const headers = { authorization: `Bearer ${await token('alice')}`, 'content-type': 'application/json' }
  const post = (more: Record<string, string> = {}) => {
    const sent = request(`${base}/tasks`, { method: 'POST', headers: { ...headers, ...more } })
    sent.on('error', () => {})
    sent.end(JSON.stringify({ title: 'of a client that has gone' }))
    return sent
  }
  const stored = () => administer('select title from tasks', databaseUrl)
  const givenUp = () => logs.filter(({ msg }) => msg === 'request given up by its client')
  return { app, post, stored, databaseUrl, logs, givenUp }
}

t.test('a client that disconnects in the middle of a write', async t => {
  t.test('ends it on the server, and nothing is stored', async t => {
    const { app, post, stored, databaseUrl, logs, givenUp } = await listen(t)
    const release = await holdTable(t, databaseUrl)
    const sent = post()
    await until(() => isWaiting(databaseUrl))

    sent.destroy()

    await until(async () => !(await isWaiting(databaseUrl)))
    await release()
    await until(() => givenUp().length === 1)
    t.strictSame(await stored(), [])
    t.match(givenUp(), [{ level: 30, err: { code: 'FST_NEON_ABORTED' } }])
    t.strictSame(
      logs.filter(({ level }) => Number(level) >= 50),
      []
    )
    await until(() => app.db.$client.stats().checkedOut === 0)
  })

  t.test('leaves its key free, so that the repeated request is carried out', async t => {
    const { post, stored, databaseUrl, givenUp } = await listen(t)
    const key = { 'idempotency-key': '"a-key"' }
    const release = await holdTable(t, databaseUrl)
    const sent = post(key)
    await until(() => isWaiting(databaseUrl))
    sent.destroy()
    await until(() => givenUp().length === 1)
    await release()

    const statuses: number[] = []
    // While the server has not noticed, the key is in use, and the client is to send it again.
    await until(async () => {
      const [response] = await once(post(key), 'response')
      response.resume()
      statuses.push(response.statusCode)
      return response.statusCode !== 409
    })

    t.equal(statuses.at(-1), 201)
    t.equal((await stored()).length, 1)
  })
})

t.test('the signal', async t => {
  t.test('is not aborted by the body of a request, nor by its answer', async t => {
    const app = fastify()
    t.teardown(() => app.close())
    const signals: AbortSignal[] = []
    app.post('/', async (_request, reply) => {
      signals.push(disconnectSignal(reply))
      return 'answered'
    })
    const base = await app.listen({ port: 0, host: '127.0.0.1' })

    const response = await fetch(base, { method: 'POST', body: 'text' })

    t.equal(await response.text(), 'answered')
    t.strictSame(
      signals.map(({ aborted }) => aborted),
      [false]
    )
  })

  t.test('is aborted for one who asks too late', async t => {
    const app = fastify()
    t.teardown(() => app.close())
    const asked = new Promise<AbortSignal>(resolve => {
      app.get('/', async (_request, reply) => {
        await once(reply.raw, 'close')
        resolve(disconnectSignal(reply))
      })
    })
    const base = await app.listen({ port: 0, host: '127.0.0.1' })
    const sent = request(base).on('error', () => {})
    sent.end()
    app.server.once('request', () => sent.destroy())

    t.ok((await asked).aborted)
  })
})
