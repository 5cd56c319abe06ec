/**
 * How a run of the migrations ends when it does not end well.
 */
import { DatabaseError } from '@neondatabase/serverless'
import { MigrationFailedError, MigrationsRefusedError } from '../errors/errors.ts'
import { toFailure } from '../errors/failure.ts'
import { addNoTransaction, type Migration } from './files/folder.ts'
import { linesBefore, type Statement } from './files/statements.ts'
import type { MigrationFinding } from './findings.ts'

/** What has become of the migration that failed. */
export type MigrationRemains =
  /** Nothing of it is there. */
  | 'rolled-back'
  /** The statements before are done; the next run goes on with this one. */
  | 'interrupted'
  /** The connection broke at COMMIT: the ledger tells, and the next run reads it. */
  | 'unknown'

export interface MigrationFailure {
  migration: string
  file: string
  /** Of the place that the server names, or of the statement; undefined when it failed at COMMIT. */
  line: number | undefined
  sqlState: string | undefined
  /** In the words of the server, without its DETAIL, which may have a row in it. */
  message: string
  hint: string | undefined
  remains: MigrationRemains
  /** What to do, where the SQLSTATE tells. */
  fix: string | undefined
}

/** FST_NEON_MIGRATION_FAILED. */
export class FailedMigration extends MigrationFailedError {
  readonly failure: MigrationFailure

  constructor(failure: MigrationFailure) {
    const { migration, message } = failure
    super(`${migration}: ${message}`)
    this.failure = failure
  }
}

/** FST_NEON_MIGRATIONS_REFUSED: nothing was applied. */
export class RefusedMigrations extends MigrationsRefusedError {
  readonly findings: MigrationFinding[]

  constructor(findings: MigrationFinding[]) {
    super(findings.map(({ migration, message }) => `${migration}: ${message}`).join('; '))
    this.findings = findings
  }
}

export interface FailedAt {
  migration: Migration
  statement?: Statement
  remains: MigrationRemains
}

/** One that already is a FailedMigration stays as it is. */
export function toFailedMigration(
  error: unknown,
  { migration, statement, remains }: FailedAt
): FailedMigration {
  if (error instanceof FailedMigration) return error
  const { name, file } = migration
  const answer = error instanceof DatabaseError ? error : undefined
  return new FailedMigration({
    migration: name,
    file,
    line: statement && lineOf(statement, answer?.position),
    sqlState: answer?.code,
    message: answer?.message ?? toFailure(error, 'statement').message,
    hint: answer?.hint,
    remains,
    fix: fixOf(answer?.code ?? '', migration)
  })
}

// PostgreSQL, Appendix A: what a transaction forbids (unsafe new enum value, transaction termination, active
// transaction), and what to do where the migration has none and Postgres says so all the same.
const NEEDS_NO_TRANSACTION: Record<string, string> = {
  '55P04': 'add the value in a statement of its own, before the one that uses it',
  '2D000':
    'COMMIT and ROLLBACK work in a DO, or in a procedure that a CALL of the migration or such a DO runs: take them out of functions, of EXECUTE, of blocks with EXCEPTION, and of procedures with SET or SECURITY DEFINER',
  '25001': 'write it as a statement of the migration, and not inside a DO, a function or a procedure'
}
// A schema, table, column, object or function of this name is there.
const IS_THERE = ['42P06', '42P07', '42701', '42710', '42723']

function fixOf(sqlState: string, { file, directives }: Migration): string | undefined {
  const ofItsOwn = NEEDS_NO_TRANSACTION[sqlState]
  if (ofItsOwn !== undefined) return directives.noTransaction ? ofItsOwn : addNoTransaction(file)
  return IS_THERE.includes(sqlState)
    ? 'run npx fastify-neon status, which says what of the migration is in the database already'
    : undefined
}

/** `position` counts characters from 1. */
function lineOf({ sql, line }: Statement, position: string | undefined): number {
  return line + linesBefore(Number(position ?? 1) - 1, sql)
}
