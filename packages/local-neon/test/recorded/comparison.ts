/**
 * Owns the comparison of what a local Neon answers with what was recorded: each line is equal, or a
 * difference that is listed.
 */
import type { Test } from 'tap'
import type { Target } from './conversation.ts'
import { DIFFERENCES, type Difference, normalised } from './differences.ts'
import type { Question } from './questions.ts'

export interface Comparison {
  questions: Readonly<Record<string, Question>>
  target: Target
  recorded: Readonly<Record<string, string>>
  /** Beside those of any host. */
  differences?: readonly Difference[]
}

/** Answers the names of the lines that were compared. */
export async function compare(t: Test, comparison: Comparison): Promise<string[]> {
  const { questions, target, recorded } = comparison
  const differences = [...(comparison.differences ?? []), ...DIFFERENCES]
  const asked: string[] = []
  for (const [name, question] of Object.entries(questions)) {
    await t.test(`answers as recorded, or as listed: ${name}`, async t => {
      const answers = await question(t, target)
      for (const [line, answer] of Object.entries(answers)) {
        asked.push(line)
        const local = normalised(answer, target.user)
        const difference = differences.find(({ lines }) => lines.includes(line))
        if (difference === undefined) t.equal(local, recorded[line], line)
        else if (difference.local) t.match(local, difference.local, `${line}: ${difference.reason}`)
      }
    })
  }
  return asked
}
