import { once } from 'node:events'
import t, { type Test } from 'tap'
import { type Controlled, controlUrl, openControl } from '../src/control.ts'
import type { LocalNeonListener } from '../src/events.ts'
import { createFaults } from '../src/faults/registry.ts'
import { until } from './fixtures/sandbox.ts'

const METER = { awakeSeconds: 1, wakes: 2, sessions: 3, queries: 4 }

t.test('the control interface', async t => {
  t.test('tells state, meter and faults', async t => {
    const { ask } = await open(t)

    t.strictSame(await ask('GET', '/'), [200, { state: 'awake', meter: METER, faults: [] }])
  })

  t.test('suspends and wakes', async t => {
    const { ask, calls } = await open(t)

    t.match(await ask('POST', '/suspend'), [200, { state: 'asleep' }])
    t.match(await ask('POST', '/wake'), [200, { state: 'awake' }])
    t.strictSame(calls, ['suspend', 'wake'])
  })

  t.test('begins, lists and ends faults', async t => {
    const { ask } = await open(t)
    const fault = { type: 'latency', toServerMs: 20 }

    const [status, begun] = await ask('POST', '/faults', fault)
    await ask('POST', '/faults', { type: 'truncate' })

    t.match([status, begun], [200, { hits: 0, fault }])
    t.match(await ask('GET', '/faults'), [200, [{ fault }, { fault: { type: 'truncate' } }]])
    t.strictSame(await ask('DELETE', `/faults/${begun.id}`), [204, undefined])
    t.match(await ask('GET', '/faults'), [200, [{ fault: { type: 'truncate' } }]])
    t.strictSame(await ask('DELETE', '/faults'), [204, undefined])
    t.strictSame(await ask('GET', '/faults'), [200, []])
  })

  t.test('passes on whose backends are to end', async t => {
    const { ask, calls } = await open(t)

    t.strictSame(await ask('POST', '/kill', { processId: '12', user: 'u' }), [200, { killed: 1 }])
    t.strictSame(await ask('POST', '/kill'), [200, { killed: 1 }])
    t.strictSame(calls, ['kill {"processId":12,"user":"u"}', 'kill {}'])
  })

  t.test('follows with one JSON object a line for each event', async t => {
    const { url, tell, listening } = await open(t)
    const response = await fetch(`${url}/events`)
    const reader = response.body?.getReader()

    tell({ type: 'suspend', reason: 'idle' })

    const line = new TextDecoder().decode((await reader?.read())?.value)
    t.equal(line, '{"type":"suspend","reason":"idle"}\n')
    await reader?.cancel()
    await until('nobody listens any more', () => listening() === 0)
  })

  t.test('says what is wrong with a request', async t => {
    const { ask, url } = await open(t)

    t.match(await ask('POST', '/faults', { type: 'no' }), [400, { code: 'LOCAL_NEON_FAULT_INVALID' }])
    t.match(await ask('DELETE', '/faults/none'), [404, { message: 'there is no fault none' }])
    t.match(await ask('GET', '/none'), [404, { message: /^there are: GET \// }])
    t.match(await ask('POST', '/kill', 'x'.repeat(20_000)), [413, {}])
    const json = { 'content-type': 'application/json' }
    t.equal((await fetch(`${url}/faults`, { method: 'POST', body: '{', headers: json })).status, 400)
  })

  t.test('passes on why something failed', async t => {
    const failing = await open(t, { wake: () => Promise.reject(new Error('no')) })

    t.strictSame(await failing.ask('POST', '/wake'), [500, { message: 'Error: no' }])
  })

  t.test('is not for web pages', async t => {
    const { url, port, calls } = await open(t)

    const requests: Record<string, string>[] = [
      { origin: 'https://example.com', 'content-type': 'application/json' },
      { 'content-type': 'text/plain' }
    ]
    for (const headers of requests) {
      const response = await fetch(`${url}/suspend`, { method: 'POST', body: '{}', headers })
      t.match(response.status, /403|415/)
    }
    t.equal(await statusFor(port, 'rebound.example'), 403)
    t.strictSame(calls, [])
  })

  t.test('ends those who follow when it is closed', async t => {
    const { url, control, listening } = await open(t)
    const response = await fetch(`${url}/events`)

    await control.close()

    await t.rejects(response.text())
    t.equal(listening(), 0)
  })
})

async function open(t: Test, given: Partial<Controlled> = {}) {
  const calls: string[] = []
  const listeners = new Set<LocalNeonListener>()
  const faults = createFaults(
    () => {},
    () => {}
  )
  let state: Controlled['state'] = 'awake'
  const neon: Controlled = {
    get state() {
      return state
    },
    meter: () => METER,
    async suspend() {
      calls.push('suspend')
      state = 'asleep'
    },
    async wake() {
      calls.push('wake')
      state = 'awake'
    },
    inject: faults.inject,
    faults: faults.list,
    async killBackends(filter) {
      calls.push(`kill ${JSON.stringify(filter)}`)
      return 1
    },
    observe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
  }
  const control = await openControl(Object.assign(neon, given), 0)
  t.teardown(control.close)
  const url = controlUrl(control.port)
  const tell: LocalNeonListener = event => {
    for (const listener of listeners) listener(event)
  }
  return { control, url, port: control.port, calls, ask, tell, listening: () => listeners.size }

  async function ask(method: string, path: string, body?: unknown) {
    const headers = { 'content-type': 'application/json' }
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(`${url}${path}`, { method, headers, ...sent })
    const text = await response.text()
    return [response.status, text === '' ? undefined : JSON.parse(text)]
  }
}

/** fetch() sets the Host header itself. */
async function statusFor(port: number, host: string): Promise<number | undefined> {
  const { request } = await import('node:http')
  const [response] = await once(request({ port, host: '127.0.0.1', headers: { host } }).end(), 'response')
  response.resume()
  return response.statusCode
}
