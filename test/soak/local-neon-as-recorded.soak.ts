/**
 * What test/local/as-recorded.test.ts leaves out, since it takes long or much: the local Neon is asked what Neon's
 * own proxy was asked.
 */
import t from 'tap'
import { start } from '../local/fixtures/sandbox.ts'
import { DIRECT } from '../local/recorded/answers.ts'
import { compare } from '../local/recorded/comparison.ts'
import { SLOW_LINES, SLOW_QUESTIONS } from '../local/recorded/slow-questions.ts'

const neon = await start(t, { endpoints: ['ep-cool-1'] })
const { username: user, password, pathname, host } = new URL(neon.url)
const database = pathname.slice(1)

const asked = await compare(t, {
  questions: SLOW_QUESTIONS,
  target: { url: `ws://${host}`, host: 'ep-cool-1.example', user, password, database },
  recorded: DIRECT
})

t.test('everything was asked that takes long', async t => {
  t.strictSame([...asked].sort(), [...SLOW_LINES].sort())
})
