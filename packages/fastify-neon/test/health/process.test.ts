import t from 'tap'
import {
  INITIAL_FACTS,
  nextFacts,
  PROCESS_EVENTS,
  type ProcessEvent,
  type ProcessFacts,
  type ProcessState,
  processOf
} from '../../src/health/process.ts'

/** Facts by their initials, in the order of the interface, and what follows after each event. */
const ROWS: [string, ProcessState, Record<ProcessEvent, string>][] = [
  ['---', 'starting', { started: 's--', 'maintenance-on': '-m-', 'maintenance-off': '---', drain: '--d' }],
  ['s--', 'ready', { started: 's--', 'maintenance-on': 'sm-', 'maintenance-off': 's--', drain: 's-d' }],
  ['-m-', 'maintenance', { started: 'sm-', 'maintenance-on': '-m-', 'maintenance-off': '---', drain: '-md' }],
  ['sm-', 'maintenance', { started: 'sm-', 'maintenance-on': 'sm-', 'maintenance-off': 's--', drain: 'smd' }],
  ['--d', 'draining', { started: 's-d', 'maintenance-on': '-md', 'maintenance-off': '--d', drain: '--d' }],
  ['s-d', 'draining', { started: 's-d', 'maintenance-on': 'smd', 'maintenance-off': 's-d', drain: 's-d' }],
  ['-md', 'draining', { started: 'smd', 'maintenance-on': '-md', 'maintenance-off': '--d', drain: '-md' }],
  ['smd', 'draining', { started: 'smd', 'maintenance-on': 'smd', 'maintenance-off': 's-d', drain: 'smd' }]
]

const read = (text: string): ProcessFacts => ({
  hasStarted: text[0] === 's',
  isInMaintenance: text[1] === 'm',
  isDraining: text[2] === 'd'
})

t.test('the process', async t => {
  t.test('begins as starting', async t => {
    t.equal(processOf(INITIAL_FACTS), 'starting')
    t.strictSame(INITIAL_FACTS, read('---'))
  })

  for (const [text, state, next] of ROWS) {
    t.test(`is ${state} by ${text}, and goes where the table says`, async t => {
      t.equal(processOf(read(text)), state)
      for (const event of PROCESS_EVENTS) t.strictSame(nextFacts(read(text), event), read(next[event]), event)
    })
  }
})
