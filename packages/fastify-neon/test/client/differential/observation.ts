/**
 * What the user of a client can see, in a form that can be compared, and where two of them differ.
 */
import { inspect, isDeepStrictEqual } from 'node:util'
import type { Asked } from './sequences.ts'

/** `none` while it waits, which for some is for good. */
export type Outcome = { answer: unknown } | { error: unknown } | { thrown: unknown } | 'none'

export interface Observation {
  /** Of each step, by its name. */
  outcomes: Record<string, Outcome>
  /** The names of the steps that have promises, in the order of their outcomes; for the others see `heard`. */
  order: string[]
  /** What was called and emitted while answers came, in its order. */
  heard: Heard[]
  /** From the last ReadyForQuery, and whether the client knows. */
  transaction: unknown
  works: Outcome
  stored: Outcome
  /** Whether the session could be made as new. */
  reset: Outcome[]
}

export type Heard = [event: string, ...unknown[]]

/** Of the steps that were in flight when the connection ended. */
export const BEHIND = 'behind'
export const LAST = 'last'

interface Printable {
  command: unknown
  rowCount: unknown
  oid: unknown
  rows: unknown
  fields: { tableID: number }[]
  rowAsArray: unknown
}

export function printedResult(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(printedResult)
  const { command, rowCount, oid, rows, fields, rowAsArray } = result as Printable
  // Tables that a sequence makes have identifiers of their own.
  const columns = fields.map(({ tableID, ...field }) => ({ ...field, isOfTable: tableID !== 0 }))
  return { command, rowCount, oid, rows, columns, rowAsArray }
}

/** An error or a notice, with all that it tells. */
export function printedMessage(told: unknown): unknown {
  if (typeof told !== 'object' || told === null) return told
  const { message } = told as { message?: unknown }
  return { type: told.constructor.name, message, ...told }
}

/** The first difference in words; undefined when there is none. */
export function differenceOf(
  ours: Observation,
  stock: Observation,
  askedBy: (name: string) => Asked | undefined
): string | undefined {
  const last = lastOfWorth(stock, askedBy)
  const [left, right] = [comparable(ours, last), comparable(stock, last)]
  for (const [what, theirs] of right) {
    const own = left.get(what)
    if (!isDeepStrictEqual(own, theirs)) return `${what}\n  ours:  ${shown(own)}\n  stock: ${shown(theirs)}`
  }
  const more = [...left.keys()].find(what => !right.has(what))
  return more && `${more}\n  ours:  ${shown(left.get(more))}\n  stock: nothing`
}

// PostgreSQL, plancache.c and prepare.c: a prepared statement whose plan, or which itself, is gone, and one that is
// there already.
const ROUTINES_OF_LOST_NAMES = new Set([
  'RevalidateCachedQuery',
  'FetchPreparedStatement',
  'StorePreparedStatement'
])

/**
 * The driver's client never uses a name again that it is wrong about, and does not know one that it prepared without
 * a text. What comes behind tells nothing, since such a name fails for it alone; undefined when there is none.
 */
function lastOfWorth(
  { outcomes }: Observation,
  askedBy: (name: string) => Asked | undefined
): string | undefined {
  return namesOf(outcomes).find(step => {
    const { name, text } = askedBy(step) ?? {}
    const { routine, command } = toldBy(outcomes[step])
    const isUnknown = text === undefined && !command
    return name !== undefined && (isUnknown || ROUTINES_OF_LOST_NAMES.has(String(routine)))
  })
}

function toldBy(outcome: Outcome = 'none'): { routine?: unknown; command?: unknown } {
  const [told] = outcome === 'none' ? [] : Object.values(outcome)
  // Of a query with listeners there are its rows too.
  return (Array.isArray(told) ? told[0] : told) ?? {}
}

function comparable(observation: Observation, last: string | undefined): Map<string, unknown> {
  const { outcomes, order, heard, ...rest } = observation
  const names = namesOf(outcomes)
  if (last !== undefined) {
    const before = names
      .slice(0, names.indexOf(last))
      .map(name => [`outcome of ${name}`, outcomes[name]] as const)
    return new Map<string, unknown>([...before, ['reset', rest.reset.map(kindOf)]])
  }
  return new Map<string, unknown>([
    ...names.map(
      name => [`outcome of ${name}`, isInFlight(name) ? kindOf(outcomes[name]) : outcomes[name]] as const
    ),
    ['order', order.filter(name => !isInFlight(name))],
    ['heard', heard.filter(([, name]) => !isInFlight(String(name)) && name !== LAST)],
    ...Object.entries(rest)
  ])
}

const namesOf = (outcomes: Observation['outcomes']) =>
  Object.keys(outcomes).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))

/** Whether they were sent before the link ended is up to the client; that they are not answered is not. */
const isInFlight = (name: string) => name.startsWith(BEHIND)

const kindOf = (outcome: Outcome = 'none') =>
  outcome === 'none' ? 'waits' : 'answer' in outcome ? 'answered' : 'refused'

export const shown = (value: unknown) =>
  inspect(value, { depth: 8, maxStringLength: 200, maxArrayLength: 20, breakLength: 160 })
