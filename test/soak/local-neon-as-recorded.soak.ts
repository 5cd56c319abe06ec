/**
 * What packages/local-neon/test/as-recorded.test.ts leaves out, since it takes long or much: the local Neon is asked what Neon's
 * own proxy was asked.
 */
import t from 'tap'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { DIRECT, POOLED } from '../../packages/local-neon/test/recorded/answers.ts'
import { compare } from '../../packages/local-neon/test/recorded/comparison.ts'
import { QUESTIONS } from '../../packages/local-neon/test/recorded/questions.ts'
import { SLOW_LINES, SLOW_QUESTIONS } from '../../packages/local-neon/test/recorded/slow-questions.ts'
import { NO_POOLER } from '../support/pooler.ts'

// The pooled host is asked meanwhile, which is a wait.
t.jobs = 2

const neon = await start(t, { endpoints: ['ep-cool-1'] })
const { username: user, password, pathname, host } = new URL(neon.url)
const database = pathname.slice(1)

const target = { url: `ws://${host}`, host: 'ep-cool-1.example', user, password, database }

t.test('the pooled host says nothing of a killed session', { skip: NO_POOLER }, async t => {
  await compare(t, {
    questions: Object.fromEntries(Object.entries(QUESTIONS).filter(([name]) => name === 'killed')),
    target: { ...target, host: 'ep-cool-1-pooler.example' },
    recorded: { ...DIRECT, ...POOLED }
  })
})

const asked = await compare(t, { questions: SLOW_QUESTIONS, target, recorded: DIRECT })

t.test('everything was asked that takes long', async t => {
  t.strictSame([...asked].sort(), [...SLOW_LINES].sort())
})
