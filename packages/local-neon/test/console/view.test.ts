import t, { type Test } from 'tap'
import type { Compute } from '../../src/compute.ts'
import { createHistory } from '../../src/console/history.ts'
import { createView } from '../../src/console/view.ts'
import { createFaults } from '../../src/faults/registry.ts'
import { METER, openFakeControl, TOKEN } from '../fixtures/control.ts'
import { outcomeOf } from '../fixtures/fake-compute.ts'
import { createManualClock } from '../fixtures/manual-clock.ts'
import { start } from '../fixtures/sandbox.ts'

const NOTHING = { boot: null, after: 0 }
/** Longer than a test may take. */
const ENDLESS_MS = 600_000
const patient = new AbortController().signal

t.test('the view of the console', async t => {
  t.test('has all that there is, for who has seen nothing', async t => {
    const { read, clock, history, faults } = viewOf()
    history.onState('awake')
    history.onEvent({ type: 'wake', tookMs: 7 })
    faults.inject({ type: 'truncate' })
    await clock.advance(2000)

    const view = await read(NOTHING, patient)

    t.match(view, {
      lastId: history.lastId,
      state: 'awake',
      sleepsInMs: 250,
      suspendAfterMs: 300,
      meter: METER,
      uptimeSeconds: 2,
      cost: { unitHours: 0.25 / 3600, monthUnitHours: 90 },
      faults: [{ hits: 0, fault: { type: 'truncate' } }],
      sessions: [],
      periods: [{ state: 'awake' }],
      events: [{ label: 'wake', text: 'after 7 ms' }]
    })
  })

  t.test('has only what is new the next time, and waits for it', async t => {
    const { read, history } = viewOf()
    history.onEvent({ type: 'wake', tookMs: 7 })
    const { boot, lastId: after } = await read(NOTHING, patient)

    const next = read({ boot, after }, patient)
    t.equal(await outcomeOf(next), 'pending')
    history.onEvent({ type: 'suspend', reason: 'idle' })

    t.match(await next, { boot, events: [{ label: 'suspend' }] })
    t.equal((await next).events.length, 1)
  })

  t.test('has everything again for who saw another run', async t => {
    const { read, history } = viewOf()
    history.onEvent({ type: 'wake', tookMs: 7 })

    const { events } = await read({ boot: 'before', after: 1000 }, patient)

    t.equal(events.length, 1)
  })

  t.test('comes without anything new to who waits no longer', async t => {
    const { read } = viewOf()
    const { boot, lastId: after } = await read(NOTHING, AbortSignal.abort())

    const view = await read({ boot, after }, AbortSignal.abort())

    t.match(view, { boot, events: [], periods: [] })
  })

  t.test('leaves out what is not known', async t => {
    const { read } = viewOf({ state: 'asleep', sleepsInMs: undefined }, async () => undefined)

    const view = await read(NOTHING, AbortSignal.abort())

    t.notOk('sleepsInMs' in view)
    t.notOk('sessions' in view)
  })
})

t.test('GET /view', async t => {
  t.test('waits for a change, and not for ever', async t => {
    const { ask, history } = await served(t)
    history.touch()
    const [, first] = await ask('GET', '/view')

    const [status, second] = await ask('GET', `/view?boot=${first.boot}&after=${first.lastId}`)

    t.equal(status, 200)
    t.equal(second.lastId, first.lastId)
  })

  t.test('gives up when the page has gone', async t => {
    const { url, patience } = await served(t, ENDLESS_MS)
    const page = new AbortController()
    const headers = { authorization: `Bearer ${TOKEN}` }
    const asked = fetch(`${url}/view`, { headers, signal: page.signal })
    const signal = await patience

    page.abort()

    await t.rejects(asked)
    if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve))
    t.ok(signal.aborted)
  })

  t.test('says what went wrong', async t => {
    const { ask } = await openFakeControl(t)

    t.strictSame(await ask('GET', '/view'), [500, { message: 'Error: there is no view' }])
  })
})

t.test('a fault that comes or goes is a change, as a state or an event is', async t => {
  const neon = await start(t, { controlPort: 0 })
  const { hash } = new URL(String(neon.consoleUrl))
  const lastId = async () => {
    const headers = { authorization: `Bearer ${hash.slice(1)}` }
    const response = await fetch(`${neon.controlUrl}/view`, { headers })
    return JSON.parse(await response.text()).lastId
  }
  const before = await lastId()

  const fault = neon.inject({ type: 'truncate' })
  const during = await lastId()
  fault.remove()

  t.ok(during > before)
  t.ok((await lastId()) > during)
})

async function served(t: Test, viewPatienceMs?: number) {
  const { read, history } = viewOf()
  let told: (signal: AbortSignal) => void = () => {}
  const patience = new Promise<AbortSignal>(resolve => {
    told = resolve
  })
  const control = await openFakeControl(t, {
    ...(viewPatienceMs && { viewPatienceMs }),
    readView: (seen, signal) => {
      told(signal)
      return read(seen, signal)
    }
  })
  return { ...control, history, patience }
}

function viewOf(
  compute: Pick<Compute, 'state' | 'sleepsInMs'> = { state: 'awake', sleepsInMs: 250 },
  listSessions: () => Promise<[] | undefined> = async () => []
) {
  const clock = createManualClock()
  const history = createHistory()
  const faults = createFaults(
    () => {},
    () => {}
  )
  const meter = { read: () => METER }
  const read = createView({ compute, suspendAfterMs: 300, meter, faults, listSessions, history, clock })
  return { read, clock, history, faults }
}
