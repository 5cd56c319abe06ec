import t from 'tap'
import {
  type HealthEvent,
  type HealthState,
  INITIAL_STATE,
  nextState,
  readinessOf
} from '../../src/health/state.ts'

const EVENTS: HealthEvent[] = ['database-answered', 'database-failed', 'drain']

const ROWS: { title: string; events: HealthEvent[]; readiness: string }[] = [
  { title: 'is unavailable before anything is known', events: [], readiness: 'unavailable' },
  {
    title: 'stays unavailable while the database was never reached',
    events: ['database-failed'],
    readiness: 'unavailable'
  },
  { title: 'is ok from the first connection on', events: ['database-answered'], readiness: 'ok' },
  {
    title: 'is ok when a connection follows failures',
    events: ['database-failed', 'database-answered'],
    readiness: 'ok'
  },
  {
    title: 'is degraded, not unavailable, in a later outage',
    events: ['database-answered', 'database-failed'],
    readiness: 'degraded'
  },
  {
    title: 'is ok again after the outage',
    events: ['database-answered', 'database-failed', 'database-answered'],
    readiness: 'ok'
  },
  {
    title: 'is unavailable while it drains',
    events: ['database-answered', 'drain'],
    readiness: 'unavailable'
  }
]

t.test('readiness', async t => {
  for (const { title, events, readiness } of ROWS) {
    t.test(title, async t => {
      t.equal(readinessOf(events.reduce(nextState, INITIAL_STATE)), readiness)
    })
  }

  t.test('never leaves draining', async t => {
    const draining: HealthState = nextState(nextState(INITIAL_STATE, 'database-answered'), 'drain')

    for (const event of EVENTS) t.equal(readinessOf(nextState(draining, event)), 'unavailable', event)
  })
})
