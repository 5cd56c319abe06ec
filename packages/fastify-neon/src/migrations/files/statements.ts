/**
 * Takes the text of a migration apart into statements, by the parser of Postgres itself: with the line
 * of each, and whether it can stand in a transaction.
 */
import type { AlterTableCmd, DoStmt, Node, SqlErrorDetails } from 'libpg-query'

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

// Of the same length, so that positions stay. It ends a comment of one line, as a split does.
const SEPARATOR = `\n${';'.padStart(BREAKPOINT.length - 1)}`
const SEMICOLON = 0x3b
const LINE_END = 0x0a
const BYTE_ORDER_MARK = '\uFEFF'

/** As the parser gives it; its own types have each member optional. */
interface Parsed {
  stmts?: { stmt: Node; stmt_location?: number; stmt_len?: number }[]
}

/**
 * Throws StatementSyntaxError for what Postgres could not read either. Empty for a text of comments. The text is
 * parsed in one go, since each call of the parser costs half a millisecond; so a breakpoint in a comment separates
 * nothing, as in what `drizzle-kit pull` writes.
 */
export async function parseStatements(text: string): Promise<Statement[]> {
  // Some editors begin a file with a byte order mark, which is not SQL.
  const content = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
  if (content.trim() === '') return []
  // Only who migrates pays for the parser: 2 MB, and a tenth of a second to load.
  const { parse, SqlError } = await import('libpg-query')
  const separated = content.replaceAll(BREAKPOINT, SEPARATOR)
  try {
    const { stmts = [] } = (await parse(separated)) as Parsed
    const statements = locate(Buffer.from(content), Buffer.from(separated), stmts)
    // The parser was shown blanks in place of a breakpoint that is part of a name or a literal.
    for (const statement of statements)
      if (statement.sql.includes(BREAKPOINT))
        for (const { stmt } of ((await parse(statement.sql)) as Required<Parsed>).stmts) statement.node = stmt
    return statements
  } catch (error) {
    /* c8 ignore next -- the parser throws nothing else for a text that is not empty */
    if (!(error instanceof SqlError)) throw error
    const { sqlDetails } = error as { sqlDetails: SqlErrorDetails }
    throw new StatementSyntaxError(error.message, 1 + linesBefore(sqlDetails.cursorPosition, content))
  }
}

/**
 * The parser counts bytes, and leaves out the comments before a statement. The text of a statement is that of the
 * file, so that a breakpoint inside a literal, a body or a name is sent as it stands there; drizzle-kit would split
 * the statement and fail.
 */
function locate(content: Buffer, separated: Buffer, stmts: NonNullable<Parsed['stmts']>): Statement[] {
  let line = 1
  // Each is looked for once, also where all statements stand on one line.
  let lineEnd = content.indexOf(LINE_END)
  return stmts.map(({ stmt: node, stmt_location: start = 0, stmt_len: length = content.length - start }) => {
    const end = start + length
    // The last byte of a separator ends the statement, and the rest of it is no part of it.
    const isSeparator = separated[end] === SEMICOLON && content[end] !== SEMICOLON
    const sql = content.toString('utf8', start, isSeparator ? end + 1 - BREAKPOINT.length : end).trimEnd()
    for (; lineEnd >= 0 && lineEnd < start; lineEnd = content.indexOf(LINE_END, lineEnd + 1)) line += 1
    return { sql, line, node }
  })
}

/** Postgres counts characters by code points, of which some are two units of a string here. */
export function linesBefore(characters: number, text: string): number {
  return Array.from(text)
    .slice(0, characters)
    .filter(character => character === '\n').length
}

/** False for those that Postgres refuses inside BEGIN and COMMIT (PreventInTransactionBlock in its source), and for a DO that commits. */
export function canRunInTransaction(statement: Statement): boolean {
  const { node } = statement
  if (isConcurrent(statement)) return false
  if ('VacuumStmt' in node) return node.VacuumStmt.is_vacuumcmd !== true
  if ('ReindexStmt' in node) return REINDEX_OF_ONE.has(node.ReindexStmt.kind)
  if ('ClusterStmt' in node) return node.ClusterStmt.relation !== undefined
  if ('DoStmt' in node) return !ENDS_TRANSACTION.test(withoutTexts(bodyOf(node.DoStmt)))
  if ('AlterSubscriptionStmt' in node) return node.AlterSubscriptionStmt.kind !== 'ALTER_SUBSCRIPTION_REFRESH'
  if ('AlterDatabaseStmt' in node) return !hasOption(node.AlterDatabaseStmt.options, 'tablespace')
  return !KINDS_OUTSIDE.some(kind => kind in node)
}

/**
 * Where there is a choice, what may commit runs outside a transaction: a procedure's body is in the database, and what
 * a DO comes to is known when it runs. So does what Postgres refuses for some tables or subscriptions only.
 */
export function mayCommit(statement: Statement): boolean {
  const { node } = statement
  if ('DoStmt' in node) return MAY_END_TRANSACTION.test(bodyOf(node.DoStmt))
  return KINDS_THAT_MAY_NEED_IT.some(kind => kind in node) || !canRunInTransaction(statement)
}

const KINDS_THAT_MAY_NEED_IT = ['AlterSubscriptionStmt', 'CallStmt', 'ClusterStmt', 'ReindexStmt']
const MAY_END_TRANSACTION = /commit|rollback|call/i
// As a statement of PL/pgSQL: not the COMMIT of a text, and not ON COMMIT DROP.
const ENDS_TRANSACTION = /(?:^|;|\bbegin|\bthen|\belse|\bloop)\s*(?:commit|rollback)\s*(?:;|and\b)/i

/** As the parser gives them: the body, and the language where it is named. */
type DoArguments = { DefElem: { arg: { String: { sval?: string } } } }[]

function bodyOf({ args }: DoStmt): string {
  return (args as DoArguments).map(({ DefElem }) => DefElem.arg.String.sval).join(' ')
}

const TEXT_OR_COMMENT =
  /\be'(?:\\[\s\S]|''|[^'\\])*'|'[^']*'|"[^"]*"|(\$\w*\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?\*\//gi

function withoutTexts(body: string): string {
  return body.replace(TEXT_OR_COMMENT, ' ')
}

/** It lets go of every lock of the session, so that another run would begin. */
export function isDiscardAll({ node }: Statement): boolean {
  return 'DiscardStmt' in node && node.DiscardStmt.target === 'DISCARD_ALL'
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

/** SET LOCAL. */
export function isSetLocal({ node }: Statement): boolean {
  return 'VariableSetStmt' in node && node.VariableSetStmt.is_local === true
}

/** What it does ends with its transaction, as of SET TRANSACTION, SET CONSTRAINTS and LOCK. */
export function endsWithTransaction(statement: Statement): boolean {
  const { node } = statement
  if ('VariableSetStmt' in node)
    return isSetLocal(statement) || /^TRANSACTION\b/.test(`${node.VariableSetStmt.name}`)
  return 'ConstraintsSetStmt' in node || 'LockStmt' in node
}

/** COPY … FROM stdin, whose rows come from whoever sends it. */
export function isCopyOfRows({ node }: Statement): boolean {
  return 'CopyStmt' in node && node.CopyStmt.is_from === true && node.CopyStmt.filename === undefined
}

const COPY_OF_ROWS = /^\s*COPY\b[^;]*\bFROM\s+stdin\b/im

/** Whether what is no SQL on this line is for psql, as in what pg_dump writes: a command of its own, or a row of COPY. */
export function isForPsql(text: string, line: number): boolean {
  const lines = text.split('\n')
  return /^\s*\\|\\g/.test(`${lines[line - 1]}`) || COPY_OF_ROWS.test(lines.slice(0, line - 1).join('\n'))
}

export function isNamelessIndex({ node }: Statement): boolean {
  return 'IndexStmt' in node && node.IndexStmt.idxname === undefined
}
