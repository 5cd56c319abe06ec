/**
 * Everything that can be wrong with migrations, each with an exit code of its own for CI.
 * docs/reference/migrations.md has the table; a test compares the two.
 */

/** Who can tell: `status` from folder and ledger, `gate` from the folder and the branch that it goes to. */
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
    meaning: 'the file is not SQL, or the empty one of generate --custom',
    fix: 'write the file to its end'
  },
  missing: {
    exitCode: 11,
    tellers: ['status', 'lint'],
    meaning:
      'the journal names a file that is not there, or a file is not in the journal, or in no folder of its own',
    fix: 'restore the file, or run npx fastify-neon repair when it was renamed'
  },
  reordered: {
    exitCode: 12,
    tellers: ['status', 'lint'],
    meaning: 'the times in the journal do not rise, or one is not as on the base branch',
    fix: 'run npx fastify-neon repair, and commit the journal'
  },
  'future-dated': {
    exitCode: 13,
    tellers: ['status', 'lint'],
    meaning:
      'its time lies ahead: drizzle-kit 0.x would leave out every migration until then, and 1.0 apply those before it',
    fix: 'set the clock right, run npx fastify-neon repair, and commit the journal'
  },
  edited: {
    exitCode: 14,
    tellers: ['status', 'lint'],
    meaning: 'the file is not the one that was applied, or that the base branch has',
    fix: 'restore the file, and write the change as a migration of its own'
  },
  'schema-missing': {
    exitCode: 22,
    tellers: ['status'],
    meaning: 'the ledger says that it is applied, and tables of its snapshot are not in the database',
    fix: 'restore the tables from a backup or a branch; or npx fastify-neon repair --start-over, when none is left'
  },
  'shared-ledger': {
    exitCode: 23,
    tellers: ['status'],
    meaning: 'the ledger has newer rows that are not of this folder, so drizzle-kit 0.x would leave it out',
    fix: 'for another folder, npx fastify-neon migrate --ledger SCHEMA.TABLE, a ledger of its own; for another branch, npx fastify-neon migrate --apply-late'
  },
  unmatched: {
    exitCode: 27,
    tellers: ['status'],
    meaning:
      'the ledger is one of Drizzle 0.x, and has rows that match no file, so it cannot become one of 1.0',
    fix: 'restore the folders of those migrations; or, when they were deleted for good, npx fastify-neon repair --forget-unknown'
  },
  unrecorded: {
    exitCode: 24,
    tellers: ['status'],
    meaning: 'what it makes is in the database, and the ledger has no row of it',
    fix: 'run npx fastify-neon mark-applied with its name'
  },
  'late-merged': {
    exitCode: 15,
    tellers: ['status', 'lint'],
    meaning:
      'it is older than one that was applied before: drizzle-kit 0.x would leave it out for ever, and 1.0 apply it out of order',
    fix: 'run npx fastify-neon migrate --apply-late; or generate it again, so that it comes last'
  },
  interrupted: {
    exitCode: 16,
    tellers: ['status'],
    meaning: 'a run ended in the middle of it, and a part of it is applied',
    fix: 'run npx fastify-neon migrate, which goes on where that ended'
  },
  misplaced: {
    exitCode: 17,
    tellers: ['status', 'lint'],
    meaning:
      'a statement cannot stand in a transaction, begins or ends one itself, or needs one that is not there',
    fix: 'add the line -- fastify-neon:no-transaction, or take BEGIN, COMMIT and LOCAL out'
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
    meaning: 'two migrations were generated from the same state of the schema, or a snapshot is not there',
    fix: 'generate the newer one again'
  },
  drift: {
    exitCode: 19,
    tellers: ['lint'],
    meaning: 'the schema in the code is not the one that the migrations make',
    fix: 'run npx drizzle-kit generate'
  },
  hazard: {
    exitCode: 20,
    tellers: ['lint'],
    meaning: 'a statement destroys data, or keeps others from a table while it works',
    fix: 'take the safer way that is named, or add the line -- fastify-neon:allow with the reason'
  },
  doubled: {
    exitCode: 26,
    tellers: ['status'],
    meaning: 'the ledger has it more than once, as after two runs of drizzle-kit at once',
    fix: 'look whether its data was written twice, then run npx fastify-neon repair'
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
