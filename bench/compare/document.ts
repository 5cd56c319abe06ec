/**
 * Owns docs/reference/benchmarks.md and its plots, all of it made from one run.
 */
import { median, spread } from '../endpoint/figures.ts'
import { drizzleTables } from './drizzle-tables.ts'
import { NOTHING, significant, tableOf } from './markdown.ts'
import { CONTESTANT_NAMES, type ContestantName, FLOORS, HTTP_NAMES } from './names.ts'
import { ALL } from './plans.ts'
import { type Bar, type Plot, svgOf } from './plots.ts'
import {
  burst,
  type Conditions,
  connection,
  floor,
  http,
  memory,
  statements as ofStatements,
  wake
} from './questions.ts'
import type { Run } from './results.ts'
import { burstRoundTripsOf, roundTripsOf } from './rows.ts'
import { figuresOf, type Question, type Sample } from './samples.ts'
import type { Work } from './works.ts'

type Samples = readonly Sample[]

const WORKS: Record<Work, string> = {
  key: 'a select by key',
  prepared: 'a select by key, built once',
  list: 'a list of 50',
  insert: 'an insert',
  update: 'an update',
  read: 'a user-isolated read',
  write: 'a user-isolated write'
}
const SECOND_MS = 1000

/** By file name in docs/. A plot of what was not measured is left out. */
export function plotsOf(run: Run): Record<string, string> {
  return Object.fromEntries(Object.entries(filledPlots(run)).map(([name, plot]) => [name, svgOf(plot)]))
}

function filledPlots({ samples }: Run): Record<string, Plot> {
  const one: Conditions = { work: 'key', atOnce: 1, max: 10, roundTripMs: 0, tls: false }
  const hundred = { ...one, atOnce: 100 }
  const statement = (conditions: Conditions) => ({
    measure: ofStatements.MEASURE,
    conditions: ofStatements.describe(conditions)
  })
  const plots: Record<string, Plot> = {
    'benchmarks-latency.svg': {
      title: 'Time of a select by key, one at a time',
      subtitle: 'p50 in milliseconds, through the same relay; shorter is better',
      bars: barsOf(samples, CONTESTANT_NAMES, statement(one), 'p50Ms', value => `${significant(value)} ms`)
    },
    'benchmarks-throughput.svg': {
      title: 'Selects by key in a second, 100 at once on 10 connections',
      subtitle: 'through the same relay, two processors for all; longer is better',
      bars: barsOf(samples, CONTESTANT_NAMES, statement(hundred), 'perSecond', perSecond)
    },
    'benchmarks-isolated.svg': {
      title: 'Round trips of a user-isolated read',
      subtitle: 'at an added round trip of 20 ms; shorter is better',
      bars: roundTripBars(samples)
    },
    'benchmarks-http.svg': {
      title: 'Requests in a second, GET /tasks on 100 connections',
      subtitle: 'signed in and isolated by policies; longer is better',
      bars: barsOf(
        samples,
        HTTP_NAMES,
        { measure: http.MEASURE, conditions: http.describe(0) },
        'perSecond',
        perSecond
      )
    }
  }
  return Object.fromEntries(Object.entries(plots).filter(([, { bars }]) => bars.length > 0))
}

export function documentOf(run: Run): string {
  const { at, machine, samples } = run
  const sections = [
    '# Benchmarks',
    `The same work by this project and by its peers, side by side: every contestant in a process of its own, through
one relay and one [local Neon](local-neon.md), in rounds that take turns. A ratio is the median of the ratios of the
rounds, each of which was disturbed alike, so trust the ratios and not the absolute figures of a shared machine.`,
    '```\nnpm ci && npm ci --prefix bench\nnpm --prefix bench run all\nnpm --prefix bench run report\n```',
    `This page and its plots are made by the last command from [one run](../../bench/comparison.json), of
${at.slice(0, 10)} on ${machine.cpus} processors (${machine.platform}, Node.js ${machine.node.slice(1)}), which the contestants, the
relay, the local Neon and its Postgres share. \`npm --prefix bench run quick\` measures what the first table
is made from in less than two minutes, and fails when a row is not ok.`,
    section('What the project promises', rowsTable(run)),
    ...Object.entries(filledPlots(run)).map(([name, { title }]) => `![${title}](${name})`),
    ...drizzleTables(samples).map(({ title, table }, index) =>
      section(title, table, index === 0 ? DRIZZLE_NOTE : NOTHING)
    ),
    section('Memory', memoryTable(samples), MEMORY_NOTE),
    ...statementSections(samples),
    section('Round trips', roundTripsTable(samples), ROUND_TRIPS_NOTE),
    section('The whole request', httpTable(samples), HTTP_NOTE),
    section(
      'A cold start',
      plainTable(samples, wake, [
        ['first row', 'ms', milliseconds],
        ['failed before', 'failures', String]
      ]),
      WAKE_NOTE
    ),
    section('The floor', floorTable(samples), FLOOR_NOTE),
    HOW
  ]
  return `${sections.filter(text => text !== NOTHING).join('\n\n')}\n`
}

const ROUND_TRIPS_NOTE = `Those of statements are the time that a round trip of 20 ms adds, divided by what it adds to one statement of
\`pg\`. Those of a connection are counted in the relay: TCP's handshake is one, and bytes of the client that come after bytes of the
server begin another, up to the first row. They hold for wss as well, whose bytes nobody can read.`
const HTTP_NOTE = `The service of the peers has this project's own plugins, schemas and route, with the transaction that Drizzle's
documentation shows for policies, and neither probes nor metrics, which this project's has. \`start\` is the time from the start of
the process to the first answer.`
const WAKE_NOTE = `The compute sleeps after the pool was used, and takes 300 ms to wake beside the start of Postgres. Who hands out a
connection that has ended fails until it has a new one.`
const DRIZZLE_NOTE = `In each of these tables: of the stock driver with Drizzle and of Drizzle on node-postgres: how many times as many statements in a second (one at a
time: how many times as fast, by the p50), and the CPU of each statement. Bold is what is behind: below 1 in speed, above 1.2
in CPU one at a time and above 1 with more. Reads that are on their way together share connections, frames and system calls; a
write has a connection for itself, since those behind it would wait for its locks, and pays for its frame and its mask alone.`
const MEMORY_NOTE = `Of heap and buffers: what each of 1,000 statements holds that wait for an answer, on 10 connections; and what goes with each
of 20 connections, which have done one transaction each, when the pool is closed.`
const FLOOR_NOTE = `The select by key straight to the Unix socket of Postgres: no relay, no endpoint and no Node.js. \`pgbench\` where it is
installed; \`raw protocol\` is this folder's own load in its place, with a statement of one row.`
const HOW = `## What was compared

| contestant | what it is |
| --- | --- |
| \`fastify-neon\` | \`fastify.db\`, and \`request.db\` for what belongs to a user; over a WebSocket |
| \`fastify-neon, pool alone\` | \`fastify.db.$client\`, without Drizzle |
| \`stock driver with Drizzle\` | \`drizzle-orm/neon-serverless\` on the \`Pool\` of \`@neondatabase/serverless\`, as their documentation shows them; over a WebSocket |
| \`stock driver alone\` | that \`Pool\` without Drizzle |
| \`Drizzle on node-postgres\`, \`Drizzle on postgres.js\` | the same Drizzle over TCP |
| \`fastify-neon on Drizzle 1.0\`, \`Drizzle 1.0 on node-postgres\` | as those without \`1.0\`, on drizzle-orm 1.0.0-rc.5 |
| \`@fastify/postgres\` | \`fastify.pg\`, without Drizzle, over TCP |
| \`pg\`, \`pg with its pipeline\` | node-postgres without Drizzle, over TCP |

Those with Drizzle run the same query functions (\`src/db/tasks.ts\`), those without the same statements as text. The isolated
ones set role and claim in one statement between BEGIN and the work, which is the least that the usual way takes. Everybody
goes through one relay, which adds half of the round trip in each direction and limits no rate, and through the endpoint of the
local Neon, the WebSockets as such and TCP as plain Postgres.`

function section(title: string, table: string, note = NOTHING): string {
  if (table === NOTHING) return NOTHING
  return [`## ${title}`, table, note].filter(text => text !== NOTHING).join('\n\n')
}

function rowsTable({ rows }: Run): string {
  return tableOf(
    ['', 'target', 'measured', ''],
    rows.map(({ name, ratio, target, ok }) => [name, String(target), String(ratio), ok ? 'ok' : '**not ok**'])
  )
}

/** One for each kind of statement, pool and way, with a column for each load. */
function statementSections(samples: Samples): string[] {
  const groups = new Map<string, Conditions[]>()
  const cases = [...ALL.statements, ...ALL.pinned].flatMap(plan => plan.cases)
  for (const { contestants, ...conditions } of cases) {
    const { work, max, tls, isPinned } = conditions
    const title = `${WORKS[work]}, pool ${max}${tls ? ', over TLS' : NOTHING}${isPinned ? ', on one processor' : NOTHING}`
    const group = groups.get(title) ?? []
    // Whoever was asked twice under the same conditions has all of it in one cell.
    if (group.every(known => ofStatements.describe(known) !== ofStatements.describe(conditions)))
      groups.set(title, [...group, conditions])
  }
  return [...groups].map(([title, group]) => {
    const inOrder = group.toSorted(
      (one, other) => one.roundTripMs - other.roundTripMs || one.atOnce - other.atOnce
    )
    const measured = inOrder.filter(conditions =>
      samples.some(
        sample =>
          sample.measure === ofStatements.MEASURE && sample.conditions === ofStatements.describe(conditions)
      )
    )
    if (measured.length === 0) return NOTHING
    const header = [
      NOTHING,
      ...measured.map(({ atOnce, roundTripMs }) => `${atOnce} at once, ${roundTripMs} ms`)
    ]
    const rows = CONTESTANT_NAMES.map(contestant => [
      contestant,
      ...measured.map(conditions => statementCell(samples, contestant, conditions))
    ])
    const note =
      'One at a time the p50, otherwise answers in a second; behind it the spread of the rounds and the CPU of each.'
    return section(`${title[0]?.toUpperCase()}${title.slice(1)}`, tableOf(header, rows), note)
  })
}

function statementCell(samples: Samples, contestant: ContestantName, conditions: Conditions): string {
  const question = {
    measure: ofStatements.MEASURE,
    contestant,
    conditions: ofStatements.describe(conditions)
  }
  const cpu = cellOf(figuresOf(samples, question, 'cpuUs'), value => `${significant(value)} µs`)
  if (cpu === NOTHING) return NOTHING
  const speed =
    conditions.atOnce === 1
      ? cellOf(figuresOf(samples, question, 'p50Ms'), value => `${significant(value)} ms`, true)
      : cellOf(figuresOf(samples, question, 'perSecond'), perSecond, true)
  return `${speed}, ${cpu}`
}

function roundTripsTable(samples: Samples): string {
  const header = [NOTHING, 'read', 'write', '100 at once on 10', 'new connection, wss or TLS', 'without TLS']
  const rows = CONTESTANT_NAMES.map(contestant => [
    contestant,
    ...(['read', 'write'] as const).map(work => roundTripsCell(samples, contestant, work)),
    burstCell(samples, contestant),
    ...[true, false].map(tls => {
      const question = { measure: connection.MEASURE, contestant, conditions: connection.describe(tls) }
      return cellOf(figuresOf(samples, question, 'roundTrips'), String)
    })
  ])
  return tableOf(header, rows)
}

function roundTripsCell(samples: Samples, contestant: ContestantName, work: Work): string {
  const far = { work, atOnce: 1, max: 10, roundTripMs: 20, tls: false } as const
  const question = { measure: ofStatements.MEASURE, contestant, conditions: ofStatements.describe(far) }
  if (figuresOf(samples, question, 'p50Ms').length === 0) return NOTHING
  return roundTripsOf(samples, contestant, work).toFixed(1)
}

function burstCell(samples: Samples, contestant: ContestantName): string {
  const question = { measure: burst.MEASURE, contestant, conditions: burst.describe(20) }
  if (figuresOf(samples, question, 'ms').length === 0) return NOTHING
  return burstRoundTripsOf(samples, contestant).toFixed(1)
}

function httpTable(samples: Samples): string {
  const ways = ALL.http.roundTripsMs.map(http.describe)
  const header = [NOTHING, ...ways.map(way => way.replace('GET /tasks, ', NOTHING)), 'CPU each', 'start']
  const rows = HTTP_NAMES.map(contestant => {
    const at = (conditions: string, figure: string, measure = http.MEASURE) =>
      figuresOf(samples, { measure, contestant, conditions }, figure)
    return [
      contestant,
      ...ways.map(way => cellOf(at(way, 'perSecond'), perSecond, true)),
      cellOf(at(http.describe(0), 'cpuUs'), value => `${significant(value)} µs`),
      cellOf(at(http.describe(0), 'ms', http.START_MEASURE), milliseconds)
    ]
  })
  return tableOf(header, rows)
}

function memoryTable(samples: Samples): string {
  const rows = CONTESTANT_NAMES.map(contestant => [
    contestant,
    ...[memory.CONDITIONS, memory.IDLE_CONDITIONS].map(conditions =>
      cellOf(
        figuresOf(samples, { measure: memory.MEASURE, contestant, conditions }, 'bytes'),
        significant,
        true
      )
    )
  ])
  return tableOf([NOTHING, 'bytes of a statement that waits', 'bytes of a connection that is idle'], rows)
}

type Column = readonly [title: string, figure: string, text: (value: number) => string]

function plainTable(
  samples: Samples,
  { MEASURE: measure, CONDITIONS: conditions }: { MEASURE: string; CONDITIONS: string },
  columns: readonly Column[]
): string {
  const rows = CONTESTANT_NAMES.map(contestant => [
    contestant,
    ...columns.map(([, figure, text]) =>
      cellOf(figuresOf(samples, { measure, contestant, conditions }, figure), text, text !== String)
    )
  ])
  return tableOf([NOTHING, ...columns.map(([title]) => title)], rows)
}

function floorTable(samples: Samples): string {
  const rows = FLOORS.flatMap(contestant =>
    floor.CONNECTIONS.map(connections => {
      const question = { measure: floor.MEASURE, contestant, conditions: floor.describe(connections) }
      return [
        `${contestant}, ${connections} at once`,
        cellOf(figuresOf(samples, question, 'p50Ms'), value => `${significant(value)} ms`, true),
        cellOf(figuresOf(samples, question, 'perSecond'), perSecond, true)
      ]
    })
  )
  return tableOf([NOTHING, 'time', 'in a second'], rows)
}

function barsOf(
  samples: Samples,
  contestants: readonly string[],
  question: Omit<Question, 'contestant'>,
  figure: string,
  text: (value: number) => string
): Bar[] {
  return contestants.flatMap(contestant => {
    const values = figuresOf(samples, { ...question, contestant }, figure)
    return values.length === 0 ? [] : [barOf(contestant, median(values), text)]
  })
}

function roundTripBars(samples: Samples): Bar[] {
  return CONTESTANT_NAMES.flatMap(contestant => {
    const cell = roundTripsCell(samples, contestant, 'read')
    return cell === NOTHING ? [] : [barOf(contestant, Number(cell), String)]
  })
}

function barOf(label: string, value: number, text: (value: number) => string): Bar {
  return { label, value, text: text(value), isOwn: label.startsWith('fastify-neon') }
}

function cellOf(values: readonly number[], text: (value: number) => string, isSpreadShown = false): string {
  if (values.length === 0) return NOTHING
  const apart = isSpreadShown && values.length > 1 ? ` (${(spread(values) * 100).toFixed(0)} %)` : NOTHING
  return `${text(median(values))}${apart}`
}

function perSecond(value: number): string {
  return `${Math.round(value).toLocaleString('en')} /s`
}

function milliseconds(value: number): string {
  return value < SECOND_MS ? `${Math.round(value)} ms` : `${(value / SECOND_MS).toFixed(1)} s`
}
