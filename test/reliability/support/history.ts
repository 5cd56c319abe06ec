/**
 * What was written and what each writer was told; and whether the database agrees.
 */

/** `unknown`: the writer heard nothing, or was told that nobody knows. */
export type Outcome = 'acknowledged' | 'failed' | 'unknown'

export interface Write {
  user: string
  /** No two are the same. */
  title: string
  key?: string
  outcome: Outcome
  /** Code of the problem that the first try was answered with. */
  code?: string | undefined
}

export interface Row {
  owner: string
  title: string
}

/** A row that this user was shown. */
export interface Sight {
  user: string
  title: string
}

export interface Verdict {
  acknowledged: number
  failed: number
  unknown: number
  /** Acknowledged, and not there. */
  lost: number
  /** There although it failed, there twice, or written by nobody. */
  phantom: number
  /** Shown to, or stored for, another user. */
  foreign: number
  /** What does not agree, in words. */
  doubts: string[]
}

export function judge(writes: readonly Write[], rows: readonly Row[], sights: readonly Sight[]): Verdict {
  const writeByTitle = new Map(writes.map(write => [write.title, write]))
  const countByTitle = new Map<string, number>()
  for (const { title } of rows) countByTitle.set(title, (countByTitle.get(title) ?? 0) + 1)
  const countOf = (write: Write) => countByTitle.get(write.title) ?? 0
  const ofOutcome = (outcome: Outcome) => writes.filter(write => write.outcome === outcome)
  const isOfAnother = (user: string, title: string) => {
    const write = writeByTitle.get(title)
    return write !== undefined && write.user !== user
  }

  const lost = ofOutcome('acknowledged').filter(write => countOf(write) === 0)
  const undead = ofOutcome('failed').filter(write => countOf(write) > 0)
  const surplus = [...countByTitle].filter(([title, count]) => count > 1 || !writeByTitle.has(title))
  const misplaced = rows.filter(({ owner, title }) => isOfAnother(owner, title))
  const shown = sights.filter(({ user, title }) => isOfAnother(user, title))
  return {
    acknowledged: ofOutcome('acknowledged').length,
    failed: ofOutcome('failed').length,
    unknown: ofOutcome('unknown').length,
    lost: lost.length,
    phantom: undead.length + surplus.length,
    foreign: misplaced.length + shown.length,
    doubts: [
      ...lost.map(({ title }) => `${title} was acknowledged and is not there`),
      ...undead.map(({ title, code }) => `${title} failed with ${code} and is there`),
      ...surplus.map(
        ([title, count]) => `${title} is there ${count} times (${writeByTitle.get(title)?.key ?? 'no key'})`
      ),
      ...misplaced.map(({ owner, title }) => `${title} is stored for ${owner}`),
      ...shown.map(({ user, title }) => `${title} was shown to ${user}`)
    ]
  }
}
