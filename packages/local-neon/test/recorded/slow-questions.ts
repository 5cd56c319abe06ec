/**
 * The questions to Neon's own proxy whose answers take long or much: seconds of silence, and up to 150 MB.
 */
import { startup } from '../fixtures/wire.ts'
import { logIn, open } from './conversation.ts'
import { answerOf, type Question, queryOf } from './questions.ts'

const SILENCE_MS = 20_000
const QUERIES_MB = [20, 70, 130]
const ANSWERS_MB = [20, 70, 150]
const SECOND_MS = 1_000

export const SLOW_LINES: readonly string[] = [
  ...QUERIES_MB.map(megabytes => `query of ${megabytes} MB`),
  ...ANSWERS_MB.map(megabytes => `answer of ${megabytes} MB`),
  'silent after upgrade',
  'silent at the password'
]

export const SLOW_QUESTIONS: Readonly<Record<string, Question>> = {
  async largeQueries(t, target) {
    const client = await logIn(t, target)
    let lines: Record<string, string> = {}
    for (const megabytes of QUERIES_MB) lines = { ...lines, ...(await queryOf(client, megabytes)) }
    return lines
  },

  async largeAnswers(t, target) {
    const client = await logIn(t, target)
    let lines: Record<string, string> = {}
    for (const megabytes of ANSWERS_MB) lines = { ...lines, ...(await answerOf(client, megabytes)) }
    return lines
  },

  async silence(t, target) {
    // The other end counts from the upgrade, of which this one hears later.
    const begunMs = performance.now()
    const silent = await open(t, target)
    const ended = silent.end(SILENCE_MS)
    const hesitant = await open(t, target)
    hesitant.send(startup({ user: target.user, database: target.database }))
    const waited = hesitant.end(SILENCE_MS)
    await ended
    const seconds = Math.floor((performance.now() - begunMs) / SECOND_MS)
    await waited
    return {
      'silent after upgrade': `${silent.closed} after ${seconds} s`,
      'silent at the password': `${hesitant.closed ?? 'open'} after 20 s ${hesitant.said.join(' ')}`
    }
  }
}
