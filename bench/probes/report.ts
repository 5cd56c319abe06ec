/**
 * Owns what a run says: a table for people, one line of JSON, and whether fastify-neon has kept
 * its promise.
 */

export const CONTESTANTS = [
  'fastify-neon',
  '@fastify/under-pressure',
  '@nestjs/terminus',
  '@godaddy/terminus'
] as const
export type Contestant = (typeof CONTESTANTS)[number]

/** What one contestant's database has seen from the end of the boot on. */
export interface Count {
  queries: number
  sessions: number
  awakeSeconds: number
}

export interface Result extends Count {
  contestant: Contestant
  probes: number
  failed: number
}

/** All contestants at one rhythm. */
export interface Row {
  everySeconds: number
  hours: number
  factor: number
  results: readonly Result[]
}

/** By its title, what a column of the table has of one contestant. */
const COLUMNS: Record<string, (row: Row, result: Result) => string> = {
  probed: ({ everySeconds }) => `every ${everySeconds} s`,
  contestant: (_row, { contestant }) => contestant,
  hours: ({ hours }) => String(hours),
  probes: (_row, { probes }) => String(probes),
  failed: (_row, { failed }) => String(failed),
  queries: (_row, { queries }) => String(queries),
  sessions: (_row, { sessions }) => String(sessions),
  'awake h': (_row, { awakeSeconds }) => (awakeSeconds / HOUR_SECONDS).toFixed(2),
  awake: ({ hours }, { awakeSeconds }) => `${((awakeSeconds / HOUR_SECONDS / hours) * 100).toFixed(1)} %`,
  // Not measured where it is not the day that was.
  'queries/day': ({ hours }, { queries }) =>
    `${hours === DAY_HOURS ? '' : '~'}${Math.round((queries / hours) * DAY_HOURS)}`
}

export type Summary = Record<Contestant, Count & { every1s: Count & { hours: number } }>

/** Idle time after which Neon suspends a compute. */
export const SUSPEND_SECONDS = 300
/** A real Postgres stops in the time of this machine, which the clock of the run stretches. */
const STOP_SECONDS = 2
const HOUR_SECONDS = 3600
const DAY_HOURS = 24

export function summarize(slow: Row, fast: Row): Summary {
  const summaryOf = (contestant: Contestant) => ({
    ...countOf(slow, contestant),
    every1s: { hours: fast.hours, ...countOf(fast, contestant) }
  })
  return {
    'fastify-neon': summaryOf('fastify-neon'),
    '@fastify/under-pressure': summaryOf('@fastify/under-pressure'),
    '@nestjs/terminus': summaryOf('@nestjs/terminus'),
    '@godaddy/terminus': summaryOf('@godaddy/terminus')
  }
}

/** What fastify-neon promises and did not keep; empty when it did. */
export function brokenPromises({ everySeconds, factor, results }: Row): string[] {
  return results
    .filter(({ contestant }) => contestant === 'fastify-neon')
    .flatMap(({ queries, sessions, awakeSeconds, failed }) => {
      const most = SUSPEND_SECONDS + STOP_SECONDS * factor
      return [
        queries > 0 ? `${queries} queries` : '',
        sessions > 0 ? `${sessions} sessions` : '',
        awakeSeconds > most ? `awake for ${awakeSeconds} s, which may be ${most} s` : '',
        failed > 0 ? `${failed} probes that were not answered` : ''
      ]
    })
    .filter(broken => broken !== '')
    .map(broken => `fastify-neon, probed every ${everySeconds} s: ${broken}`)
}

export function tableOf(rows: readonly Row[]): string {
  const lines = rows.flatMap(row => row.results.map(result => ({ row, result })))
  const columns = Object.entries(COLUMNS).map(([title, cellOf]) => {
    const cells = [title, ...lines.map(({ row, result }) => cellOf(row, result))]
    const width = Math.max(...cells.map(cell => cell.length))
    return cells.map(cell => cell.padStart(width))
  })
  return ['header', ...lines].map((_line, index) => columns.map(cells => cells[index]).join('  ')).join('\n')
}

function countOf({ results }: Row, contestant: Contestant): Count {
  const found = results.find(result => result.contestant === contestant)
  if (!found) throw new RangeError(`${contestant} has no result`)
  const { queries, sessions, awakeSeconds } = found
  return { queries, sessions, awakeSeconds }
}
