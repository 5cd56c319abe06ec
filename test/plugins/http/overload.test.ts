import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { DatabaseFailure } from '../../../packages/fastify-neon/src/errors/failure.ts'
import { createRow, createTurns } from '../../../src/plugins/http/overload.ts'
import { build } from '../../support/app.ts'

const nextTurn = () => new Promise(resolve => setImmediate(resolve))

t.test('requests that begin', async t => {
  t.test('are few in each turn of the event loop, and those who send take turns', async t => {
    const turns: string[][] = [[]]
    let most = 2
    const begin = createTurns(() => most)
    const send = (key: string, name: string) => begin(key, () => turns.at(-1)?.push(name))
    for (let number = 1; number <= 6; number += 1) send('alice', `a${number}`)
    send('bob', 'b1')
    send('carol', 'c1')

    for (let turn = 0; turn < 4; turn += 1) {
      turns.push([])
      await nextTurn()
    }

    t.strictSame(turns, [['a1', 'a2'], ['a3', 'b1'], ['c1', 'a4'], ['a5', 'a6'], []])
    send('dave', 'd1')
    t.strictSame(turns.at(-1), ['d1'], 'at once where nobody waits')

    most = 1
    await nextTurn()
    turns.length = 0
    turns.push([])
    for (let number = 1; number <= 3; number += 1) send('erin', `e${number}`)
    for (let turn = 0; turn < 2; turn += 1) {
      turns.push([])
      await nextTurn()
    }
    t.strictSame(turns, [['e1'], ['e2'], ['e3']])
  })
})

t.test(
  'refusals leave at once in a burst, and then one after the other, until they wait too long',
  async t => {
    const pauses: number[] = []
    let nowMs = 1000
    const untilTurn = createRow(
      () => nowMs,
      async ms => pauses.push(ms)
    )
    const refuse = async (count: number) => {
      pauses.length = 0
      for (let number = 0; number < count; number += 1) await untilTurn()
      return pauses
    }

    t.strictSame(await refuse(100), [])
    t.strictSame(await refuse(3), [2, 4, 6])
    t.equal((await refuse(2000)).at(-1), 2000)
    nowMs += 10_000
    t.strictSame(await refuse(101), [2])
  }
)

t.test('a service that has more requests than its database can serve', async t => {
  const { app, as, logs } = await build(t)
  Object.assign(app.db.$client, {
    refuseWhenOverloaded() {
      throw new DatabaseFailure('exhausted')
    }
  })

  t.test('refuses them before it looks at a token or a body', async t => {
    const response = await app.inject({ method: 'POST', url: '/tasks', body: '{' })

    t.match(response, { statusCode: 503, headers: { 'retry-after': /^[123]$/ } })
    t.match(response.json(), { code: 'FST_NEON_EXHAUSTED' })
  })

  t.test('refuses many in one line of the log', async t => {
    const answers = await Promise.all(Array.from({ length: 150 }, () => as('alice')('GET', '/tasks')))

    t.ok(answers.every(({ status }) => status === 503))
    t.ok(logs.filter(({ code }) => code === 'FST_NEON_EXHAUSTED').length < 10)
    t.notOk(logs.some(({ msg }) => msg === 'request completed' || msg === 'request failed'))
  })

  t.test('still answers its probes, its metrics and what needs no database', async t => {
    for (const url of ['/livez', '/metrics', '/openapi.json'])
      t.equal((await app.inject(url)).statusCode, 200, url)
  })

  t.test('tells those who come while it closes at once', async t => {
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo
    t.equal((await fetch(`http://127.0.0.1:${port}/tasks`)).status, 503, 'and others in their turn')
    const open = async () => {
      const accepted = once(app.server, 'connection')
      const socket = connect(port, '127.0.0.1')
      await accepted
      return socket
    }
    const [one, probe] = [await open(), await open()]

    const closed = app.close()
    one.write('GET /tasks HTTP/1.1\r\nHost: x\r\n\r\n')
    probe.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')

    t.match(await text(one), /^HTTP\/1.1 503 .*"code":"APP_CLOSING"/s)
    t.match(await text(probe), /^HTTP\/1.1 200 /, 'and a probe to the end')
    await closed
  })
})
