/**
 * Takes the text of a migration apart into statements, by the parser of Postgres itself: with the line
 * of each, and whether it can stand in a transaction.
 */
import type { AlterTableCmd, Node, SqlErrorDetails } from 'libpg-query'

export interface Statement {
  sql: string
  /** Of its first word, from 1, in the file. */
  line: number
  /** As the parser of Postgres gives it: one member, named by the kind of statement. */
  node: Node
}

/** The text is not SQL from this line on. */
export class StatementSyntaxError extends Error {
  override readonly name = 'StatementSyntaxError'
  readonly line: number

  constructor(message: string, line: number) {
    super(message)
    this.line = line
  }
}

// What drizzle-kit writes between statements, and splits at.
const BREAKPOINT = '--> statement-breakpoint'
const COMMENTS_BEFORE = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*/

/** Throws StatementSyntaxError for what Postgres could not read either. Empty for a text of comments. */
export async function parseStatements(text: string): Promise<Statement[]> {
  const statements: Statement[] = []
  let line = 1
  for (const chunk of text.split(BREAKPOINT)) {
    if (chunk.trim() !== '') statements.push(...(await parseChunk(chunk, line)))
    line += linesIn(chunk)
  }
  return statements
}

/** As the parser gives it; its own types have each member optional. */
interface Parsed {
  stmts?: { stmt: Node; stmt_location?: number; stmt_len?: number }[]
}

async function parseChunk(chunk: string, firstLine: number): Promise<Statement[]> {
  // Only who migrates pays for the parser: 2 MB, and a tenth of a second to load.
  const { parse, SqlError } = await import('libpg-query')
  const bytes = Buffer.from(chunk)
  try {
    const { stmts = [] } = (await parse(chunk)) as Parsed
    return stmts.map(({ stmt, stmt_location: start = 0, stmt_len: length = bytes.length - start }) =>
      statementAt(stmt, start, start + length)
    )
  } catch (error) {
    /* c8 ignore next -- the parser throws nothing else for a text that is not empty */
    if (!(error instanceof SqlError)) throw error
    const { sqlDetails } = error as { sqlDetails: SqlErrorDetails }
    const before = chunk.slice(0, sqlDetails.cursorPosition)
    throw new StatementSyntaxError(error.message, firstLine + linesIn(before))
  }

  /** The parser counts bytes, and a statement begins behind the last one, comments included. */
  function statementAt(node: Node, start: number, end: number): Statement {
    const raw = bytes.subarray(start, end).toString()
    const sql = raw.replace(COMMENTS_BEFORE, '')
    const before = bytes.subarray(0, start).toString() + raw.slice(0, raw.length - sql.length)
    return { sql: sql.trimEnd(), line: firstLine + linesIn(before), node }
  }
}

function linesIn(text: string): number {
  return text.split('\n').length - 1
}

/** Those that Postgres refuses inside BEGIN and COMMIT: PreventInTransactionBlock in its source. */
export function canRunInTransaction(statement: Statement): boolean {
  const { node } = statement
  if (isConcurrent(statement)) return false
  if ('VacuumStmt' in node) return node.VacuumStmt.is_vacuumcmd !== true
  if ('ReindexStmt' in node) return REINDEX_OF_ONE.has(node.ReindexStmt.kind)
  if ('ClusterStmt' in node) return node.ClusterStmt.relation !== undefined
  return !KINDS_OUTSIDE.some(kind => kind in node)
}

/** Lets others read and write while it waits and works. */
export function isConcurrent({ node }: Statement): boolean {
  if ('IndexStmt' in node) return node.IndexStmt.concurrent === true
  if ('DropStmt' in node) return node.DropStmt.concurrent === true
  if ('ReindexStmt' in node) return hasOption(node.ReindexStmt.params, 'concurrently')
  return 'AlterTableStmt' in node && node.AlterTableStmt.cmds?.some(isConcurrentDetach) === true
}

const REINDEX_OF_ONE = new Set<string | undefined>(['REINDEX_OBJECT_INDEX', 'REINDEX_OBJECT_TABLE'])
const KINDS_OUTSIDE = [
  'AlterSystemStmt',
  'CreateSubscriptionStmt',
  'CreateTableSpaceStmt',
  'CreatedbStmt',
  'DropSubscriptionStmt',
  'DropTableSpaceStmt',
  'DropdbStmt'
]

/** Of VACUUM (full) and REINDEX (concurrently true), but not of (full false). */
export function hasOption(options: Node[] | undefined, name: string): boolean {
  return (
    options?.some(
      option => 'DefElem' in option && option.DefElem.defname === name && !isOff(option.DefElem.arg)
    ) === true
  )
}

function isOff(value: Node | undefined): boolean {
  if (value === undefined) return false
  if ('String' in value) return ['false', 'off'].includes(String(value.String.sval))
  return 'Integer' in value && value.Integer.ival === undefined
}

export function isConcurrentDetach(command: Node): boolean {
  const { subtype, def } = (command as { AlterTableCmd: AlterTableCmd }).AlterTableCmd
  // FINALIZE has a partition too.
  if (subtype !== 'AT_DetachPartition' || def === undefined) return false
  return 'PartitionCmd' in def && def.PartitionCmd.concurrent === true
}

/** BEGIN, COMMIT and the like: a migration has its transaction from whoever applies it. */
export function isTransactionControl({ node }: Statement): boolean {
  return 'TransactionStmt' in node
}

export function isNamelessIndex({ node }: Statement): boolean {
  return 'IndexStmt' in node && node.IndexStmt.idxname === undefined
}
