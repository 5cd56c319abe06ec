import t from 'tap'
import { FAULT_TYPES } from '../src/faults/fault.ts'
import { METER, openFakeControl as open } from './fixtures/control.ts'
import { until } from './fixtures/sandbox.ts'

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

  t.test('lists the types of faults, each with what it does and takes', async t => {
    const { ask } = await open(t)

    const [status, { schema, texts }] = await ask('GET', '/fault-types')

    t.equal(status, 200)
    t.strictSame(
      schema.anyOf.map((fault: { properties: { type: { const: string } } }) => fault.properties.type.const),
      FAULT_TYPES
    )
    for (const { description } of schema.anyOf) t.match(description, /\.$/)
    t.ok(texts.includes('endpoint-not-found'))
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
    const failing = await open(t, { given: { wake: () => Promise.reject(new Error('no')) } })

    t.strictSame(await failing.ask('POST', '/wake'), [500, { message: 'Error: no' }])
  })

  t.test('ends those who follow when it is closed', async t => {
    const { url, control, listening } = await open(t)
    const response = await fetch(`${url}/events`)

    await control.close()

    await t.rejects(response.text())
    t.equal(listening(), 0)
  })
})
