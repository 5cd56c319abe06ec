/**
 * Everything that can be wrong with migrations, each with an exit code of its own for CI.
 * docs/migrations.md has the table; a test compares the two.
 */

/** Who can tell: `status` from folder and ledger, `gate` from the folder and the branch that it goes to. */
export type Teller = 'status' | 'gate'

export interface FindingRule {
  /** Of the command, when no finding above it in this list is there. */
  exitCode: number
  tellers: readonly Teller[]
  meaning: string
  mend: string
}

/** By precedence: the first that is there gives the exit code. */
export const MIGRATION_FINDINGS = {
  'half-written': {
    exitCode: 10,
    tellers: ['status', 'gate'],
    meaning: 'the file is not SQL, or the empty one of generate --custom',
    mend: 'write the file to its end'
  },
  missing: {
    exitCode: 11,
    tellers: ['status', 'gate'],
    meaning: 'the journal names a file that is not there, or a file is not in the journal',
    mend: 'restore the file, or run npm run db:repair when it was renamed'
  },
  reordered: {
    exitCode: 12,
    tellers: ['status', 'gate'],
    meaning: 'the times in the journal do not rise, or one is not as on the base branch',
    mend: 'run npm run db:repair, and commit the journal'
  },
  'future-dated': {
    exitCode: 13,
    tellers: ['status', 'gate'],
    meaning: 'its time lies ahead, so drizzle-kit would leave out every migration until then',
    mend: 'set the clock right, run npm run db:repair, and commit the journal'
  },
  edited: {
    exitCode: 14,
    tellers: ['status', 'gate'],
    meaning: 'the file is not the one that was applied, or that the base branch has',
    mend: 'restore the file, and write the change as a migration of its own'
  },
  'schema-missing': {
    exitCode: 22,
    tellers: ['status'],
    meaning: 'the ledger says that it is applied, and tables of its snapshot are not in the database',
    mend: 'restore the tables from a backup or a branch; or npm run db:repair -- --start-over, when none is left'
  },
  'shared-ledger': {
    exitCode: 23,
    tellers: ['status'],
    meaning: 'the ledger has newer rows that are not of this folder, so drizzle-kit would leave it out',
    mend: 'for another folder, npm run db:migrate -- --ledger SCHEMA.TABLE, a ledger of its own; for another branch, npm run db:migrate -- --apply-late'
  },
  unrecorded: {
    exitCode: 24,
    tellers: ['status'],
    meaning: 'what it makes is in the database, and the ledger has no row of it',
    mend: 'run npm run db:mark-applied with its name'
  },
  'late-merged': {
    exitCode: 15,
    tellers: ['status', 'gate'],
    meaning: 'it is older than one that was applied before, so drizzle-kit would leave it out for ever',
    mend: 'run npm run db:migrate -- --apply-late; or generate it anew, so that it comes last'
  },
  interrupted: {
    exitCode: 16,
    tellers: ['status'],
    meaning: 'a run ended in the middle of it, and a part of it is applied',
    mend: 'run npm run db:migrate, which goes on where that ended'
  },
  misplaced: {
    exitCode: 17,
    tellers: ['status', 'gate'],
    meaning:
      'a statement cannot stand in a transaction, begins or ends one itself, or needs one that is not there',
    mend: 'add the line -- fastify-neon:no-transaction, or take BEGIN, COMMIT and LOCAL out'
  },
  restamped: {
    exitCode: 25,
    tellers: ['status'],
    meaning: 'its time in the journal was changed after it was applied, so drizzle-kit may apply it again',
    mend: 'run npm run db:repair'
  },
  'snapshot-collision': {
    exitCode: 18,
    tellers: ['gate'],
    meaning: 'two migrations were generated from the same state of the schema, or a snapshot is not there',
    mend: 'generate the newer one anew'
  },
  drift: {
    exitCode: 19,
    tellers: ['gate'],
    meaning: 'the schema in the code is not the one that the migrations make',
    mend: 'run npm run db:generate'
  },
  hazard: {
    exitCode: 20,
    tellers: ['gate'],
    meaning: 'a statement destroys data, or keeps others from a table while it works',
    mend: 'take the safer way that is named, or add the line -- fastify-neon:allow with the reason'
  },
  doubled: {
    exitCode: 26,
    tellers: ['status'],
    meaning: 'the ledger has it more than once, as after two runs of drizzle-kit at once',
    mend: 'look whether its data was written twice, then run npm run db:repair'
  },
  pending: {
    exitCode: 21,
    tellers: ['status'],
    meaning: 'it is not applied yet',
    mend: 'run npm run db:migrate'
  }
} as const satisfies Record<string, FindingRule>

export type FindingKind = keyof typeof MIGRATION_FINDINGS

export interface MigrationFinding {
  kind: FindingKind
  /** The migration, as the journal names it. */
  migration: string
  /** From 1, in its file. */
  line?: number
  /** What is wrong here, free of secrets. */
  message: string
  /** What to do here, where the rule's own mend is not exact enough. */
  mend?: string
}

const KINDS = Object.keys(MIGRATION_FINDINGS) as FindingKind[]

/** 0 without findings. */
export function exitCodeOf(findings: readonly Pick<MigrationFinding, 'kind'>[]): number {
  const first = KINDS.find(kind => findings.some(finding => finding.kind === kind))
  return first === undefined ? 0 : MIGRATION_FINDINGS[first].exitCode
}

export function mendOf({ kind, mend = MIGRATION_FINDINGS[kind].mend }: MigrationFinding): string {
  return mend
}
