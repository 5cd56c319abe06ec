/**
 * The local Neon is asked what Neon's own proxy was asked, and answers the same, or it stands in the list of
 * differences. What takes long is asked by test/soak/local-neon-as-recorded.soak.ts.
 */
import t from 'tap'
import { NO_POOLER } from '../../../test/support/pooler.ts'
import { start } from './fixtures/sandbox.ts'
import { DIRECT, POOLED } from './recorded/answers.ts'
import { compare } from './recorded/comparison.ts'
import { UNPOOLED_DIFFERENCES } from './recorded/differences.ts'
import { QUESTIONS } from './recorded/questions.ts'
import { SLOW_LINES } from './recorded/slow-questions.ts'

/** Those that the local Neon answers like the pooled host without a PgBouncer. */
const UNPOOLED_QUESTIONS = ['parameters', 'options', 'cutOff']

const neon = await start(t, { endpoints: ['ep-cool-1'] })
const { username: user, password, pathname, host } = new URL(neon.url)
const target = { url: `ws://${host}`, user, password, database: pathname.slice(1) }

t.test('the direct host', async t => {
  const asked = await compare(t, {
    questions: QUESTIONS,
    target: { ...target, host: 'ep-cool-1.example' },
    recorded: DIRECT
  })

  t.test('was asked everything that was recorded', async t => {
    t.strictSame([...asked, ...SLOW_LINES].sort(), Object.keys(DIRECT).sort())
  })
})

t.test('the pooled host', async t => {
  const { killed: _slow, ...questions } = QUESTIONS
  const unpooled = Object.fromEntries(
    Object.entries(questions).filter(([name]) => UNPOOLED_QUESTIONS.includes(name))
  )
  await compare(t, {
    questions: NO_POOLER ? unpooled : questions,
    target: { ...target, host: 'ep-cool-1-pooler.example' },
    recorded: { ...DIRECT, ...POOLED },
    differences: NO_POOLER ? UNPOOLED_DIFFERENCES : []
  })
})
