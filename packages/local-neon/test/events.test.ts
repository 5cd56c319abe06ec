import t from 'tap'
import { describeEvent, type LocalNeonEvent } from '../src/events.ts'

const LOGIN = {
  type: 'login',
  processId: 4711,
  transport: 'ws',
  endpoint: 'ep-local',
  isPooled: false,
  user: 'alex',
  database: 'shop',
  applicationName: 'tests'
} as const

t.test('an event is one line for a person', async t => {
  for (const [event, line] of [
    [LOGIN, 'login      alex to shop over ws'],
    [{ ...LOGIN, transport: 'tcp', isPooled: true }, 'login      alex to shop over tcp, pooled'],
    [{ type: 'login-refused', message: 'no such endpoint' }, 'refused    no such endpoint'],
    [
      { type: 'pooling-not-emulated' },
      'note       a pooled host has a session for each client here: there is no PgBouncer on this machine'
    ],
    [{ type: 'suspend', reason: 'idle' }, 'suspend    idle for long enough'],
    [{ type: 'suspend', reason: 'asked' }, 'suspend    asked to'],
    [{ type: 'wake', tookMs: 412.6 }, 'wake       after 413 ms'],
    [{ type: 'wake-failed', message: 'Error: no start' }, 'no wake    Error: no start'],
    [{ type: 'fault', fault: 'garble', id: 'garble-7', hits: 2 }, 'fault      garble garble-7, hit 2']
  ] satisfies Array<[LocalNeonEvent, string]>) {
    t.test(`of a ${event.type}: ${line}`, async t => {
      t.equal(describeEvent(event), line)
    })
  }
})
