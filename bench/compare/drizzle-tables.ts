/**
 * Owns the comparison with Drizzle on both sides: ratios to the stock driver and to node-postgres, for each statement and
 * each number at once.
 */
import { NOTHING, significant, tableOf } from './markdown.ts'
import type { ContestantName } from './names.ts'
import { WAYS_OF_DRIZZLE } from './plans.ts'
import { type Conditions, statements } from './questions.ts'
import { figuresOf, ratioOf, type Sample } from './samples.ts'
import type { Work } from './works.ts'

type Samples = readonly Sample[]

interface Column {
  title: string
  own: ContestantName
  other: ContestantName
  figure: 'speed' | 'cpu'
}

const OWN = 'fastify-neon'
const OWN_1 = 'fastify-neon on Drizzle 1.0'
const COLUMNS: readonly Column[] = [
  { title: 'speed, of stock', own: OWN, other: 'stock driver with Drizzle', figure: 'speed' },
  { title: 'speed, of node-postgres', own: OWN, other: 'Drizzle on node-postgres', figure: 'speed' },
  { title: 'CPU, of node-postgres', own: OWN, other: 'Drizzle on node-postgres', figure: 'cpu' },
  { title: 'Drizzle 1.0: speed', own: OWN_1, other: 'Drizzle 1.0 on node-postgres', figure: 'speed' },
  { title: 'Drizzle 1.0: CPU', own: OWN_1, other: 'Drizzle 1.0 on node-postgres', figure: 'cpu' }
]
const WORKS: readonly (readonly [Work, string])[] = [
  ['key', 'select by key'],
  ['list', 'list of 50'],
  ['insert', 'insert'],
  ['update', 'update'],
  ['read', 'isolated read'],
  ['write', 'isolated write']
]
// What is behind: a round of masking is dear beside a statement alone, and paid back with more of them.
const MOST_CPU_ALONE = 1.2

/** One for each way; those that were not measured have an empty table. */
export function drizzleTables(samples: Samples): { title: string; table: string }[] {
  return WAYS_OF_DRIZZLE.map(({ title, tls, isPinned, atOnce }) => ({
    title: `With Drizzle on both sides, ${title}`,
    table: tableOf(
      [NOTHING, ...COLUMNS.map(column => column.title)],
      WORKS.flatMap(([work, name]) =>
        atOnce.map(count => {
          const conditions = { work, atOnce: count, max: 10, roundTripMs: 0, tls, isPinned } as const
          return [`${name}, ${count} at once`, ...COLUMNS.map(column => cellOf(samples, column, conditions))]
        })
      )
    )
  }))
}

function cellOf(samples: Samples, { own, other, figure }: Column, conditions: Conditions): string {
  const of = (contestant: ContestantName) => ({
    measure: statements.MEASURE,
    contestant,
    conditions: statements.describe(conditions)
  })
  if ([own, other].some(contestant => figuresOf(samples, of(contestant), 'cpuUs').length === 0))
    return NOTHING
  const isOne = conditions.atOnce === 1
  const ratio = (one: ContestantName, two: ContestantName, name: string) =>
    ratioOf(samples, of(one), of(two), name)
  if (figure === 'cpu') {
    const cpu = ratio(own, other, 'cpuUs')
    return marked(cpu, cpu > (isOne ? MOST_CPU_ALONE : 1))
  }
  const speed = isOne ? ratio(other, own, 'p50Ms') : ratio(own, other, 'perSecond')
  return marked(speed, speed < 1)
}

function marked(ratio: number, isBehind: boolean): string {
  return isBehind ? `**${significant(ratio)}**` : significant(ratio)
}
