/**
 * Takes a statement apart into what it does one by one: the commands of an ALTER TABLE, the columns and
 * constraints in them, and the writes in its WITH.
 */
import type { AlterTableCmd, ColumnDef, FuncCall, Node } from 'libpg-query'

export interface Action {
  /** The statement, or a command, a new column or a constraint of an ALTER TABLE. */
  node: Node
  /** What it works on, as `schema.name`. Empty where Postgres alone knows. */
  names: string[]
  /** The new one that the constraint comes with. */
  column?: ColumnDef
}

type Part = Pick<Action, 'node' | 'column'>

// The fields of a statement that say what it works on.
const TARGETS = ['relation', 'relations', 'rels', 'object', 'objects', 'typeName']

export function actionsOf(statement: Node): Action[] {
  const names = namesOf(statement)
  if ('AlterTableStmt' in statement) {
    const { cmds = [] } = statement.AlterTableStmt
    return cmds
      .filter(isCommand)
      .flatMap(partsOf)
      .map(part => ({ ...part, names }))
  }
  // The body of a function is written down and not run.
  if ('CreateFunctionStmt' in statement || 'RuleStmt' in statement) return [{ node: statement, names }]
  const writes = nodesIn(Object.values(statement)).filter(isWrite)
  return [{ node: statement, names }, ...writes.map(node => ({ node, names: namesOf(node) }))]
}

function partsOf(command: { AlterTableCmd: AlterTableCmd }): Part[] {
  const { subtype, def } = command.AlterTableCmd
  if (def === undefined || !(subtype === 'AT_AddConstraint' || subtype === 'AT_AddColumn'))
    return [{ node: command }]
  const column = 'ColumnDef' in def ? def.ColumnDef : {}
  const { constraints = [] } = column
  return [{ node: command }, { node: def }, ...constraints.map(node => ({ node, column }))]
}

/** As `schema.name`, in the schema public where none is named: what drizzle-kit writes has one. */
export function namesOf(statement: Node): string[] {
  if ('DropStmt' in statement && statement.DropStmt.removeType === 'OBJECT_SCHEMA') {
    const { objects = [] } = statement.DropStmt
    return objects.flatMap(textOf).map(schemaName)
  }
  return Object.values(statement)
    .flatMap(fields => Object.entries(fields))
    .flatMap(([field, value]) => (TARGETS.includes(field) ? namesIn(value) : []))
}

export function schemaName(name: string): string {
  return `schema ${name}`
}

/** Of a relation or a list of words, and of what holds such. */
export function namesIn(value: unknown): string[] {
  if (Array.isArray(value)) {
    const words = value.flatMap(textOf)
    return words.length > 0 ? [qualified(words)] : value.flatMap(namesIn)
  }
  if (!isRecord(value)) return []
  if ('relname' in value)
    return [qualified([value.schemaname, value.relname].flatMap(word => (word ? [String(word)] : [])))]
  return Object.values(value).flatMap(namesIn)
}

export function qualified(words: string[]): string {
  const [name, schema = 'public'] = words.toReversed()
  return `${schema}.${name}`
}

/** The word of a node that is one. */
export function textOf(node: unknown): string[] {
  return isRecord(node) && isRecord(node.String) ? [String(node.String.sval)] : []
}

/** The names of all functions that an expression calls. */
export function functionsIn(expression: unknown): string[] {
  return nodesIn(expression)
    .filter(isCall)
    .map(({ FuncCall: { funcname = [] } }) => funcname.flatMap(textOf).slice(-1).join())
}

function isCommand(node: Node): node is { AlterTableCmd: AlterTableCmd } {
  return 'AlterTableCmd' in node
}

function isCall(node: object): node is { FuncCall: FuncCall } {
  return 'FuncCall' in node
}

function isWrite(node: object): node is Node {
  return 'DeleteStmt' in node || 'UpdateStmt' in node
}

function nodesIn(value: unknown): object[] {
  if (Array.isArray(value)) return value.flatMap(nodesIn)
  return isRecord(value) ? [value, ...Object.values(value).flatMap(nodesIn)] : []
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
