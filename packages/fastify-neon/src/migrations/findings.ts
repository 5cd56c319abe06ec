/**
 * Everything that can be wrong with migrations, each with its own exit code for CI.
 * docs/reference/migrations.md has the table; a test compares the two.
 */

/** What reports it: `status` from folder and ledger, `lint` from the folder and the base branch. */
export type Teller = 'status' | 'lint'

export interface FindingRule {
  /** Of the command, when no finding above it in this list is there. */
  exitCode: number
  tellers: readonly Teller[]
  meaning: string
  fix: string
}

/** By precedence: the first that is there gives the exit code. */
export const MIGRATION_FINDINGS = {
  'half-written': {
    exitCode: 10,
    tellers: ['status', 'lint'],
    meaning: 'the file is not valid SQL, or is still the empty file of generate --custom',
    fix: 'write the file to its end'
  },
  missing: {
    exitCode: 11,
    tellers: ['status', 'lint'],
    meaning:
      'the journal names a file that does not exist, or a file is neither in the journal nor in a folder of a migration',
    fix: 'restore the file, or run npx fastify-neon repair if it was renamed'
  },
  reordered: {
    exitCode: 12,
    tellers: ['status', 'lint'],
    meaning: 'the times in the journal do not rise, or one differs from the base branch',
    fix: 'run npx fastify-neon repair, and commit the journal'
  },
  'future-dated': {
    exitCode: 13,
    tellers: ['status', 'lint'],
    meaning:
      'its time is in the future: drizzle-kit 0.x would skip every migration until then, and 1.0 would apply others before it',
    fix: 'correct the clock, run npx fastify-neon repair, and commit the journal'
  },
  edited: {
    exitCode: 14,
    tellers: ['status', 'lint'],
    meaning: 'the file differs from the one that was applied, or from the one on the base branch',
    fix: 'restore the file, and write the change as a new migration'
  },
  'schema-missing': {
    exitCode: 22,
    tellers: ['status'],
    meaning: 'the ledger has it as applied, but tables of its snapshot are not in the database',
    fix: 'restore the tables from a backup or a branch; or run npx fastify-neon repair --start-over if no table is left'
  },
  'shared-ledger': {
    exitCode: 23,
    tellers: ['status'],
    meaning: 'the ledger has newer rows that do not belong to this folder, so drizzle-kit 0.x would skip it',
    fix: 'if they are of another folder, use a separate ledger: npx fastify-neon migrate --ledger SCHEMA.TABLE; if they are of another branch, npx fastify-neon migrate --apply-late'
  },
  unmatched: {
    exitCode: 27,
    tellers: ['status'],
    meaning:
      'the ledger is in the format of Drizzle 0.x and has rows that match no file, so it cannot be upgraded to 1.0',
    fix: 'restore the folders of those migrations; or, if they were deleted for good, run npx fastify-neon repair --forget-unknown'
  },
  unrecorded: {
    exitCode: 24,
    tellers: ['status'],
    meaning: 'what it creates is in the database, but the ledger has no row for it',
    fix: 'run npx fastify-neon mark-applied with its name'
  },
  'late-merged': {
    exitCode: 15,
    tellers: ['status', 'lint'],
    meaning:
      'it is older than an applied migration: drizzle-kit 0.x would never apply it, and 1.0 would apply it out of order',
    fix: 'run npx fastify-neon migrate --apply-late; or generate it again, so that it comes last'
  },
  interrupted: {
    exitCode: 16,
    tellers: ['status'],
    meaning: 'a run was interrupted in it, and a part of it is applied',
    fix: 'run npx fastify-neon migrate, which continues where that run stopped'
  },
  misplaced: {
    exitCode: 17,
    tellers: ['status', 'lint'],
    meaning:
      'a statement cannot run in a transaction, begins or ends one itself, or needs one that is missing',
    fix: 'add the line -- fastify-neon:no-transaction, or remove BEGIN, COMMIT and LOCAL'
  },
  restamped: {
    exitCode: 25,
    tellers: ['status'],
    meaning:
      'its time in the journal, or the name of its folder, was changed after it was applied, so drizzle-kit may apply it again',
    fix: 'run npx fastify-neon repair'
  },
  'snapshot-collision': {
    exitCode: 18,
    tellers: ['lint'],
    meaning: 'two migrations were generated from the same state of the schema, or a snapshot is missing',
    fix: 'generate the newer one again'
  },
  drift: {
    exitCode: 19,
    tellers: ['lint'],
    meaning: 'the schema in the code differs from the one that the migrations create',
    fix: 'run npx drizzle-kit generate'
  },
  hazard: {
    exitCode: 20,
    tellers: ['lint'],
    meaning: 'a statement destroys data, or blocks other sessions on a table while it runs',
    fix: 'use the safer way that is printed, or add the line -- fastify-neon:allow with the reason'
  },
  doubled: {
    exitCode: 26,
    tellers: ['status'],
    meaning: 'the ledger has it more than once, as after two concurrent runs of drizzle-kit',
    fix: 'check whether its data was written twice, then run npx fastify-neon repair'
  },
  pending: {
    exitCode: 21,
    tellers: ['status'],
    meaning: 'it is not applied yet',
    fix: 'run npx fastify-neon migrate'
  }
} as const satisfies Record<string, FindingRule>

export type FindingKind = keyof typeof MIGRATION_FINDINGS

export interface MigrationFinding {
  kind: FindingKind
  /** The migration, as the journal names it, or its folder. */
  migration: string
  /** From 1, in its file. */
  line?: number
  /** What is wrong here, free of secrets. */
  message: string
  /** What to do here, where the rule's own fix is not exact enough. */
  fix?: string
}

const KINDS = Object.keys(MIGRATION_FINDINGS) as FindingKind[]

/** 0 without findings. */
export function exitCodeOf(findings: readonly Pick<MigrationFinding, 'kind'>[]): number {
  const first = KINDS.find(kind => findings.some(finding => finding.kind === kind))
  return first === undefined ? 0 : MIGRATION_FINDINGS[first].exitCode
}

export function fixOf({ kind, fix = MIGRATION_FINDINGS[kind].fix }: MigrationFinding): string {
  return fix
}
