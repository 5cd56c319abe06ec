import t from 'tap'
import { describeEvent, type LocalNeonEvent } from '../../src/local/events.ts'

const LOGIN = {
  type: 'login',
  processId: 1,
  transport: 'ws',
  endpoint: 'ep-local',
  isPooled: false,
  user: 'alice',
  database: 'neondb',
  applicationName: ''
} as const

t.test('an event is told in one line', async t => {
  const lines: [LocalNeonEvent, string][] = [
    [LOGIN, 'login      alice to neondb over ws'],
    [{ ...LOGIN, transport: 'tcp', isPooled: true }, 'login      alice to neondb over tcp, pooled'],
    [{ type: 'login-refused', message: 'no' }, 'refused    no'],
    [{ type: 'suspend', reason: 'idle' }, 'suspend    idle for long enough'],
    [{ type: 'suspend', reason: 'asked' }, 'suspend    asked to'],
    [{ type: 'wake', tookMs: 300.4 }, 'wake       after 300 ms'],
    [{ type: 'wake-failed', message: 'Error: no' }, 'no wake    Error: no'],
    [{ type: 'fault', fault: 'reset', id: 'reset-1', hits: 2 }, 'fault      reset reset-1, hit 2']
  ]
  for (const [event, line] of lines) t.equal(describeEvent(event), line)
  t.match(describeEvent({ type: 'pooling-not-emulated' }), /^note .*not emulated$/)
})
