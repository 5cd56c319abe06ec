/**
 * What a statement makes and drops, as far as the catalog has it by name: whether it was carried out can be
 * compared. Of all others, such as INSERT, GRANT and SET NOT NULL, no name tells.
 */
import type { AlterTableCmd, AlterTableStmt, Node, RangeVar, RenameStmt } from 'libpg-query'
import { type ObjectName, objectName } from '../files/object-names.ts'
import { parseStatements, type Statement } from '../files/statements.ts'

export interface Effects {
  made: ObjectName[]
  dropped: ObjectName[]
}

/** Undefined where a part of it, or all, leaves no name. */
export async function readEffects(statement: Statement): Promise<Effects | undefined> {
  const inner = await unguarded(statement)
  if (inner === undefined) return undefined
  const effects = partsOf(inner.node)
  const known = effects.filter(effect => effect !== undefined)
  if (known.length < effects.length) return undefined
  return { made: known.flatMap(({ made }) => made), dropped: known.flatMap(({ dropped }) => dropped) }
}

// How drizzle-kit wrote foreign keys and enums before 0.30.
const GUARDED = /^DO \$\$ BEGIN\s(.*)\sEXCEPTION\s+WHEN duplicate_object THEN null;\s*END \$\$$/s

async function unguarded(statement: Statement): Promise<Statement | undefined> {
  if (!('DoStmt' in statement.node)) return statement
  // A body of PL/pgSQL is no SQL.
  const inner = await parseStatements(GUARDED.exec(statement.sql)?.[1] ?? '').catch(() => [])
  return inner.length === 1 ? inner[0] : undefined
}

function partsOf(node: Node): (Effects | undefined)[] {
  if ('AlterTableStmt' in node) {
    const { cmds = [] } = node.AlterTableStmt
    return cmds.map(altered(node.AlterTableStmt))
  }
  if ('DropStmt' in node) {
    const { objects = [], removeType } = node.DropStmt
    return objects.map(droppedBy(removeType))
  }
  return [effectOf(node)]
}

function effectOf(node: Node): Effects | undefined {
  if ('CreateStmt' in node) {
    const { relation, tableElts = [] } = node.CreateStmt
    return making(nameOn('table', relation), ...tableElts.flatMap(element => elementOf(relation, element)))
  }
  if ('IndexStmt' in node) {
    const { relation, idxname } = node.IndexStmt
    // Postgres chooses a name where there is none.
    return idxname === undefined ? undefined : making(nameOn('index', { ...relation, relname: idxname }))
  }
  if ('CreatePolicyStmt' in node) {
    const { table, policy_name: policy } = node.CreatePolicyStmt
    return making(nameOn('policy', table, policy))
  }
  if ('CreateEnumStmt' in node) {
    const { typeName, vals } = node.CreateEnumStmt
    const values = stringsIn(vals).map(value => enumValue(typeName, value))
    return making(objectName('type', ...padded(stringsIn(typeName), 2)), ...values)
  }
  if ('AlterEnumStmt' in node) {
    const { typeName, oldVal, newVal } = node.AlterEnumStmt
    return {
      made: [enumValue(typeName, newVal)],
      dropped: oldVal === undefined ? [] : [enumValue(typeName, oldVal)]
    }
  }
  if ('CreateSchemaStmt' in node) {
    const { schemaname, schemaElts } = node.CreateSchemaStmt
    return schemaname === undefined || schemaElts !== undefined
      ? undefined
      : making(objectName('schema', '', schemaname))
  }
  if ('CreateSeqStmt' in node) return making(nameOn('sequence', node.CreateSeqStmt.sequence))
  // A view that is replaced had the name before.
  if ('ViewStmt' in node)
    return node.ViewStmt.replace ? undefined : making(nameOn('table', node.ViewStmt.view))
  if ('RenameStmt' in node) return renamed(node.RenameStmt)
  // It ends with the migration.
  return 'VariableSetStmt' in node ? making() : undefined
}

function making(...made: ObjectName[]): Effects {
  return { made, dropped: [] }
}

function dropping(...dropped: ObjectName[]): Effects {
  return { made: [], dropped }
}

function altered({ relation, objtype }: AlterTableStmt) {
  return (command: Node): Effects | undefined => {
    const { subtype, name, def } = (command as { AlterTableCmd: AlterTableCmd }).AlterTableCmd
    if (objtype !== 'OBJECT_TABLE') return undefined
    switch (subtype) {
      case 'AT_AddColumn':
      case 'AT_AddConstraint': {
        /* c8 ignore next -- the parser gives what is added with it */
        const made = def === undefined ? [] : elementOf(relation, def)
        return made.length === 0 ? undefined : making(...made)
      }
      case 'AT_DropColumn':
        return dropping(nameOn('column', relation, name))
      case 'AT_DropConstraint':
        return dropping(nameOn('constraint', relation, name))
      case 'AT_EnableRowSecurity':
        return making(nameOn('row-security', relation))
      case 'AT_DisableRowSecurity':
        return dropping(nameOn('row-security', relation))
      case 'AT_ForceRowSecurity':
        return making(nameOn('forced-row-security', relation))
      case 'AT_NoForceRowSecurity':
        return dropping(nameOn('forced-row-security', relation))
      default:
        return undefined
    }
  }
}

/** A column with its constraints, or a constraint; those that have a name. */
function elementOf(relation: RangeVar | undefined, element: Node): ObjectName[] {
  if ('Constraint' in element) {
    const { conname } = element.Constraint
    return conname === undefined ? [] : [nameOn('constraint', relation, conname)]
  }
  if (!('ColumnDef' in element)) return []
  const { colname, constraints = [] } = element.ColumnDef
  return [
    nameOn('column', relation, colname),
    ...constraints.flatMap(constraint => elementOf(relation, constraint))
  ]
}

const DROPPED: Record<string, [kind: string, parts: number]> = {
  OBJECT_TABLE: ['table', 2],
  OBJECT_VIEW: ['table', 2],
  OBJECT_MATVIEW: ['table', 2],
  OBJECT_INDEX: ['index', 2],
  OBJECT_TYPE: ['type', 2],
  OBJECT_POLICY: ['policy', 3]
}

function droppedBy(removeType = '') {
  const [kind = '', parts = 0] = DROPPED[removeType] ?? []
  return (object: Node): Effects | undefined => {
    if ('List' in object && kind !== '')
      return dropping(objectName(kind, ...padded(stringsIn(object.List.items), parts)))
    if ('TypeName' in object && kind !== '')
      return dropping(objectName(kind, ...padded(stringsIn(object.TypeName.names), parts)))
    return undefined
  }
}

function renamed({ renameType, relationType, relation, subname, newname }: RenameStmt): Effects | undefined {
  const from = { ...relation, relname: `${newname}` }
  if (renameType === 'OBJECT_TABLE')
    return { made: [nameOn('table', from)], dropped: [nameOn('table', relation)] }
  if (renameType === 'OBJECT_INDEX')
    return { made: [nameOn('index', from)], dropped: [nameOn('index', relation)] }
  if (renameType === 'OBJECT_TABCONSTRAINT')
    return {
      made: [nameOn('constraint', relation, newname)],
      dropped: [nameOn('constraint', relation, subname)]
    }
  if (renameType === 'OBJECT_COLUMN' && relationType === 'OBJECT_TABLE')
    return { made: [nameOn('column', relation, newname)], dropped: [nameOn('column', relation, subname)] }
  return undefined
}

/** The types of the parser have each member optional. */
function nameOn(
  kind: string,
  { schemaname = '', relname = '' }: RangeVar = {},
  ...on: (string | undefined)[]
) {
  return objectName(kind, schemaname, relname, ...on.map(String))
}

function enumValue(typeName: Node[] | undefined, value = ''): ObjectName {
  return objectName('value', ...padded(stringsIn(typeName), 2), value)
}

function stringsIn(nodes: Node[] = []): string[] {
  /* c8 ignore next -- names are made of nothing else */
  return nodes.flatMap(node => ('String' in node ? [`${node.String.sval}`] : []))
}

/** With an empty schema in front where there is none. */
function padded(parts: string[], length: number): string[] {
  return [...Array<string>(Math.max(0, length - parts.length)).fill(''), ...parts]
}
