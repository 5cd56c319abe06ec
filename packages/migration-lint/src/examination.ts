/**
 * Examines the statements of new migrations for hazards, and holds them against what the files allow.
 */
import type { Allowance, Migration, MigrationFinding, Statement } from 'fastify-neon/migration-files'
import { HAZARDS, type HazardName, hazardsOf, isHazardName } from './hazards.ts'
import { createNotNullProofs, createScope, type Scope } from './scope.ts'

export interface LintFinding extends MigrationFinding {
  /** In the folder, of a migration of Drizzle 1.0. */
  file?: string
  /** By its name in the table, with the statement that it is in. */
  hazard?: HazardName
  statement?: string
}

export interface ExaminationOptions {
  /** All, in order: what came before tells what a statement does. */
  migrations: readonly Migration[]
  isNew(migration: Migration): boolean
  /** Of a column before this migration. */
  typeBefore(migration: Migration, table: string, column: string): string | undefined
}

// Enough to know a statement by.
const MAX_STATEMENT_LENGTH = 100

export function examine({ migrations, isNew, typeBefore }: ExaminationOptions): LintFinding[] {
  const proofs = createNotNullProofs()
  return migrations.flatMap(migration => {
    const { statements, directives } = migration
    const scope = createScope({
      statements,
      isTransaction: !directives.noTransaction,
      proofs,
      typeOf: (table, column) => typeBefore(migration, table, column)
    })
    const findings = examineOne(migration, scope)
    return isNew(migration) ? findings : []
  })
}

function examineOne({ name: migration, statements, directives }: Migration, scope: Scope): LintFinding[] {
  const unused = new Set(directives.allowances)
  const hazards = statements.flatMap((statement, index) => {
    const { line: lineBefore = 0 } = statements[index - 1] ?? {}
    const above = directives.allowances.filter(({ line }) => line >= lineBefore && line < statement.line)
    return hazardsOf(statement.node, scope).flatMap(hazard => {
      const allowed = above.filter(allowance => allowance.hazard === hazard)
      for (const allowance of allowed) unused.delete(allowance)
      return allowed.length > 0 ? [] : [hazardFinding(migration, statement, hazard)]
    })
  })
  const unknown = directives.unknown.map(({ text, line }) => ({
    kind: 'hazard' as const,
    migration,
    line,
    message: `nobody knows the line -- fastify-neon:${text}`,
    fix: 'write no-transaction, or allow HAZARD: REASON with a name of docs/reference/migration-hazards.md'
  }))
  return [...hazards, ...unknown, ...[...unused].map(allowance => unusedFinding(migration, allowance))]
}

function hazardFinding(migration: string, { sql, line }: Statement, hazard: HazardName): LintFinding {
  const { effect, saferWay } = HAZARDS[hazard]
  return {
    kind: 'hazard',
    migration,
    line,
    message: `${hazard}: ${effect}`,
    fix: `${saferWay}. To do it anyway, above the statement: -- fastify-neon:allow ${hazard}: REASON`,
    hazard,
    statement: sql.replaceAll(/\s+/g, ' ').slice(0, MAX_STATEMENT_LENGTH)
  }
}

function unusedFinding(migration: string, { hazard, line }: Allowance): LintFinding {
  const message = isHazardName(hazard)
    ? `it allows ${hazard}, which the statement below is not`
    : `it allows ${hazard}, and there is no such hazard`
  const fix =
    'take the line out, or put it above the statement with a name of docs/reference/migration-hazards.md'
  return { kind: 'hazard', migration, line, message, fix }
}
