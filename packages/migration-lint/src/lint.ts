/**
 * Everything that can be told of migrations without a database, at once.
 */
import { join } from 'node:path'
import {
  hasFolders,
  type MigrationFolder,
  readMigrationFolder,
  snapshotPath,
  sqlPath
} from 'fastify-neon/migration-files'
import { type Branch, readBranch, withFolders } from './branch.ts'
import { compare } from './comparison.ts'
import type { Sources } from './configuration.ts'
import { findDrift } from './drift.ts'
import { type ExaminationOptions, examine, type LintFinding } from './examination.ts'
import type { Git } from './git.ts'
import { readSnapshots, type Snapshots } from './snapshots/snapshots.ts'
import { UsageError } from './usage-error.ts'

export interface LintOptions extends Sources {
  /** Undefined when nothing is to be compared. */
  git: Git | undefined
  /** A branch or commit. Without one it is origin/main, or else main. */
  base?: string | undefined
  /** In ms since 1970. */
  now?: number
}

export interface LintReport {
  /** In the order of the journal, and of the lines. */
  findings: LintFinding[]
  checked: {
    folder: string
    migrations: number
    /** Null when nothing was compared, and every migration was examined for hazards. */
    base: string | null
    /** Examined for hazards. */
    new: string[]
    /** False when it could not be compared; a finding or the failure says why. */
    drift: boolean
  }
  /** Why a part could not be checked. */
  failure?: string
}

/** Throws when there is no journal, and UsageError when the base branch is not there. */
export async function checkMigrations(options: LintOptions): Promise<LintReport> {
  const folder = await readMigrationFolder(options.folder, options.now)
  const base = options.git && (await readBase(options.git, folder, options.base))
  const { findings: compared, isNew } = compare(folder, base, options.now)
  const snapshots = await readSnapshots(folder.path, folder.journal)
  const { drift, failure } = await driftAfter(options, folder, snapshots)
  const typeBefore = typesBefore(folder, snapshots)
  const findings = [
    ...folder.findings,
    ...compared,
    ...snapshots.findings,
    ...(base === undefined ? [] : snapshots.compareWith(base, isNew)),
    ...examine({ migrations: folder.migrations, isNew, typeBefore }),
    ...(drift ?? [])
  ]
  const checked = {
    folder: folder.path,
    migrations: folder.journal.length,
    base: base?.ref ?? null,
    new: folder.journal.filter(isNew).map(({ name }) => name),
    drift: drift !== undefined
  }
  return {
    findings: inOrder(findings, folder).map(finding => withFile(finding, folder)),
    checked,
    ...(failure === undefined ? {} : { failure })
  }
}

async function readBase(git: Git, { journal }: MigrationFolder, asked?: string): Promise<Branch> {
  const base = await readBranch(git, asked)
  if (hasFolders(journal)) return withFolders(base)
  if (!hasFolders(base.tip.journal) || journal.length === 0) return base
  throw new UsageError(
    `${base.ref} has the folders of Drizzle 1.0, and here is a journal of 0.x: take ${base.ref} into the branch, delete what this branch has added to the folder, and run npx drizzle-kit generate`
  )
}

/** Without the newest snapshot there is nothing to compare with, and that is a finding already. */
async function driftAfter(
  { schema, casing }: LintOptions,
  { path, journal }: MigrationFolder,
  { names }: Snapshots
): Promise<{ drift?: LintFinding[]; failure?: string }> {
  const last = journal.at(-1)
  const needed = last?.hasFolder ? journal : journal.slice(-1)
  if (!needed.every(({ name }) => names.has(name))) return {}
  const snapshots = needed.map(entry => join(path, snapshotPath(entry)))
  return findDrift({ schema, casing, newest: last && { ...last, snapshots } }).then(
    drift => ({ drift }),
    (error: Error) => ({ failure: error.message })
  )
}

function withFile(finding: LintFinding, { journal }: MigrationFolder): LintFinding {
  const entry = journal.find(({ name }) => name === finding.migration)
  return entry?.hasFolder ? { ...finding, file: sqlPath(entry) } : finding
}

function typesBefore(
  { journal }: MigrationFolder,
  { typeAfter }: Snapshots
): ExaminationOptions['typeBefore'] {
  return ({ name }, table, column) => {
    const before = journal[journal.findIndex(entry => entry.name === name) - 1]?.name ?? ''
    return typeAfter(before, table, column)
  }
}

function inOrder(findings: LintFinding[], { journal }: MigrationFolder): LintFinding[] {
  const order = [...journal.map(({ name }) => name), ...findings.map(({ migration }) => migration)]
  const placeOf = ({ migration }: LintFinding) => order.indexOf(migration)
  const lineOf = ({ line = 0 }: LintFinding) => line
  return findings.toSorted((one, other) => placeOf(one) - placeOf(other) || lineOf(one) - lineOf(other))
}
