/**
 * Takes the text of a migration apart into statements, by the parser of Postgres itself: with the line
 * of each, and whether it can stand in a transaction.
 */
import type { Node } from 'libpg-query'

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
const NOTHING_BUT_COMMENTS = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|;)*$/
const COMMENTS_BEFORE = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*/

/** Throws StatementSyntaxError for what Postgres could not read either. Empty for a text of comments. */
export async function parseStatements(text: string): Promise<Statement[]> {
  const statements: Statement[] = []
  let line = 1
  for (const chunk of text.split(BREAKPOINT)) {
    if (!NOTHING_BUT_COMMENTS.test(chunk)) statements.push(...(await parseChunk(chunk, line)))
    line += linesIn(chunk)
  }
  return statements
}

async function parseChunk(chunk: string, firstLine: number): Promise<Statement[]> {
  // Only who migrates pays for the parser: 2 MB, and a tenth of a second to load.
  const { parse, SqlError } = await import('libpg-query')
  const bytes = Buffer.from(chunk)
  try {
    const { stmts = [] } = await parse(chunk)
    return stmts.flatMap(({ stmt, stmt_location: start = 0, stmt_len: length }) =>
      stmt === undefined
        ? []
        : [statementAt(stmt, start, length === undefined ? bytes.length : start + length)]
    )
  } catch (error) {
    /* c8 ignore next -- the parser throws nothing else for a text that is not empty */
    if (!(error instanceof SqlError)) throw error
    const position = error.sqlDetails?.cursorPosition ?? 0
    throw new StatementSyntaxError(error.message, firstLine + linesIn(chunk.slice(0, position)))
  }

  /** The parser counts bytes, and a statement begins behind the last one, comments included. */
  function statementAt(node: Node, start: number, end: number): Statement {
    const raw = bytes.subarray(start, end).toString()
    const [comments = ''] = COMMENTS_BEFORE.exec(raw) ?? []
    const line = firstLine + linesIn(bytes.subarray(0, start).toString()) + linesIn(comments)
    return { sql: raw.slice(comments.length).trimEnd(), line, node }
  }
}

function linesIn(text: string): number {
  return text.split('\n').length - 1
}

/** Those that Postgres refuses inside BEGIN and COMMIT: PreventInTransactionBlock in its source. */
export function canRunInTransaction({ node }: Statement): boolean {
  if ('IndexStmt' in node) return node.IndexStmt.concurrent !== true
  if ('DropStmt' in node) return node.DropStmt.concurrent !== true
  if ('VacuumStmt' in node) return node.VacuumStmt.is_vacuumcmd !== true
  if ('ReindexStmt' in node) return !isReindexOfMany(node.ReindexStmt)
  if ('AlterTableStmt' in node) return !(node.AlterTableStmt.cmds ?? []).some(isConcurrentDetach)
  if ('ClusterStmt' in node) return node.ClusterStmt.relation !== undefined
  return !KINDS_OUTSIDE.some(kind => kind in node)
}

const KINDS_OUTSIDE = [
  'AlterSystemStmt',
  'CreateSubscriptionStmt',
  'CreateTableSpaceStmt',
  'CreatedbStmt',
  'DropSubscriptionStmt',
  'DropTableSpaceStmt',
  'DropdbStmt'
]

type Member<N, K extends string> = N extends Record<K, infer V> ? V : never

function isReindexOfMany({ kind, params = [] }: Member<Node, 'ReindexStmt'>): boolean {
  const isConcurrent = params.some(param => 'DefElem' in param && param.DefElem.defname === 'concurrently')
  return isConcurrent || (kind !== 'REINDEX_OBJECT_INDEX' && kind !== 'REINDEX_OBJECT_TABLE')
}

function isConcurrentDetach(command: Node): boolean {
  if (!('AlterTableCmd' in command)) return false
  const { subtype, def } = command.AlterTableCmd
  if (subtype === 'AT_DetachPartitionFinalize') return false
  return def !== undefined && 'PartitionCmd' in def && def.PartitionCmd.concurrent === true
}

/** BEGIN, COMMIT and the like: a migration has its transaction from whoever applies it. */
export function isTransactionControl({ node }: Statement): boolean {
  return 'TransactionStmt' in node
}
