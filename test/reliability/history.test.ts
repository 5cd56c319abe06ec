import t from 'tap'
import { judge, type Outcome, type Write } from './support/history.ts'

const write = (title: string, outcome: Outcome, user = 'alice'): Write => ({ user, title, outcome })
const row = (title: string, owner = 'alice') => ({ owner, title })
const clean = { lost: 0, phantom: 0, foreign: 0 }

t.test('a history', async t => {
  t.test('is true when what was told is what is there', async t => {
    const writes = [
      write('a', 'acknowledged'),
      write('b', 'failed'),
      write('c', 'unknown'),
      write('d', 'unknown')
    ]

    t.strictSame(judge(writes, [row('a'), row('c')], [{ user: 'alice', title: 'a' }]), {
      acknowledged: 1,
      failed: 1,
      unknown: 2,
      ...clean,
      doubts: []
    })
  })

  t.test('is not when something acknowledged is lost', async t => {
    t.match(judge([write('a', 'acknowledged')], [], []), { ...clean, lost: 1 })
  })

  t.test('is not when something is there that failed, or twice, or that nobody wrote', async t => {
    t.match(judge([write('a', 'failed')], [row('a')], []), { ...clean, phantom: 1 })
    t.match(judge([write('a', 'acknowledged')], [row('a'), row('a')], []), { ...clean, phantom: 1 })
    t.match(judge([write('a', 'unknown')], [row('a'), row('a')], []), { ...clean, phantom: 1 })
    t.match(judge([], [row('a')], []), { ...clean, phantom: 1 })
  })

  t.test('is not when something is stored for another or shown to another', async t => {
    t.match(judge([write('a', 'acknowledged')], [row('a', 'bob')], []), { ...clean, foreign: 1 })
    t.match(judge([write('a', 'acknowledged')], [row('a')], [{ user: 'bob', title: 'a' }]), {
      ...clean,
      foreign: 1
    })
  })
})
