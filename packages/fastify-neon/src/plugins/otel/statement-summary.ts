/**
 * What a span says of a statement: its operation and its tables, which are few however many values there are. They are
 * found by keywords, since a parser takes longer than most statements do.
 */

export interface StatementSummary {
  /** Such as SELECT; undefined for what begins with no word of SQL. */
  operation: string | undefined
  /** The table, where there is one alone. */
  table: string | undefined
  /** Such as `SELECT tasks`; `postgresql` where the operation is not known. */
  text: string
}

const LITERALS = /\be'(?:\\[\s\S]|''|[^'\\])*'|'(?:''|[^'])*'|\$([a-z_]*)\$[\s\S]*?\$\1\$/gi
const COMMENTS = /--[^\n]*|\/\*[\s\S]*?\*\//g
const NUMBERS = /(?<![\w$".])\d[\d.]*(?:e[+-]?\d+)?\b/gi

// FROM and UPDATE that name no table.
const OTHER_USES =
  /\b(?:extract|substring|trim|overlay)\s*\([^()]*\)|\bdistinct\s+from\b|\b(?:for(?:\s+no\s+key)?|do)\s+update\b/gi

const NAME = String.raw`((?:"[^"]+"|[a-z_]\w*)(?:\s*\.\s*(?:"[^"]+"|[a-z_]\w*))*)`
const TABLES = new RegExp(
  String.raw`\b(?:(?:into|update)\s+(?:only\s+)?${NAME}|(?:from|join|using)\s+(?:only\s+)?${NAME}(?![\w$."]|\s*\())`,
  'gi'
)
const SUBQUERIES = /(?:\bwith(?:\s+recursive)?|,)\s+"?(\w+)"?(?:\s*\([^()]*\))?\s+as\s+(?:\w+\s+)*\(/gi

const OPERATION =
  /^[\s(]*(select|insert|update|delete|merge|with|values|begin|start|commit|rollback|abort|savepoint|release|set|reset|show|explain|call|do|lock|truncate|create|alter|drop|grant|revoke|listen|unlisten|notify|refresh|vacuum|analyze|declare|fetch|close|prepare|execute|deallocate|discard|reindex|copy|comment|table)\b/i

// OpenTelemetry, "Generating query summary".
const LONGEST = 255

const MOST_KEPT = 1000
const LONGEST_KEPT = 10_000

/** Remembers those that come again. */
export function createSummaries(): (text: string) => StatementSummary {
  const known = new Map<string, StatementSummary>()
  return text => {
    const found = known.get(text) ?? summaryOf(text.slice(0, LONGEST_KEPT))
    if (text.length > LONGEST_KEPT || known.has(text)) return found
    if (known.size >= MOST_KEPT) known.clear()
    known.set(text, found)
    return found
  }
}

function summaryOf(statement: string): StatementSummary {
  const text = statement.replace(COMMENTS, ' ').replace(LITERALS, "''").replace(OTHER_USES, ' ')
  const operation = OPERATION.exec(text)?.[1]?.toUpperCase()
  if (operation === undefined) return { operation, table: undefined, text: 'postgresql' }
  const subqueries = new Set([...text.matchAll(SUBQUERIES)].map(([, name = '']) => name))
  const tables = new Set<string>()
  for (const [, target, source] of text.matchAll(TABLES)) tables.add(nameOf(String(target ?? source)))
  const named = [...tables].filter(name => !subqueries.has(name))
  return {
    operation,
    table: named.length === 1 ? named[0] : undefined,
    text: [operation, ...named].join(' ').slice(0, LONGEST)
  }
}

function nameOf(name: string): string {
  return name.replaceAll(/\s|"/g, '')
}

/** The statement with each literal as `?`, as the conventions want it. */
export function withoutLiterals(statement: string): string {
  return statement.replace(COMMENTS, ' ').replace(LITERALS, '?').replace(NUMBERS, '?')
}
