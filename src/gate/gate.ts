/**
 * Everything that can be told of migrations without a database, at once.
 */
import { join } from 'node:path'
import { type MigrationFolder, readMigrationFolder } from '../neon/migrations/folder.ts'
import { snapshotFile } from '../neon/migrations/snapshot.ts'
import { readBranch } from './branch.ts'
import { compare } from './comparison.ts'
import type { Sources } from './configuration.ts'
import { findDrift } from './drift.ts'
import { type ExaminationOptions, examine, type GateFinding } from './examination.ts'
import type { Git } from './git.ts'
import { compareSnapshots, readSnapshots, type Snapshots } from './snapshots.ts'

export interface GateOptions extends Sources {
  /** Undefined when nothing is to be compared. */
  git: Git | undefined
  /** A branch or commit. Without one it is origin/main, or else main. */
  base?: string | undefined
  /** In ms since 1970. */
  now?: number
}

export interface GateReport {
  /** In the order of the journal, and of the lines. */
  findings: GateFinding[]
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
export async function checkMigrations(options: GateOptions): Promise<GateReport> {
  const folder = await readMigrationFolder(options.folder, options.now)
  const base = options.git && (await readBranch(options.git, options.base))
  const { findings: compared, isNew } = compare(folder, base, options.now)
  const snapshots = await readSnapshots(folder.path, folder.journal)
  const { drift, failure } = await driftAfter(options, folder, snapshots)
  const typeBefore = typesBefore(folder, snapshots)
  const findings = [
    ...folder.findings,
    ...compared,
    ...snapshots.findings,
    ...(base === undefined ? [] : compareSnapshots(snapshots, isNew, base)),
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
  return { findings: inOrder(findings, folder), checked, ...(failure === undefined ? {} : { failure }) }
}

/** Without the newest snapshot there is nothing to compare with, and that is a finding already. */
async function driftAfter(
  { schema, casing }: GateOptions,
  { path, journal }: MigrationFolder,
  { byMigration }: Snapshots
): Promise<{ drift?: GateFinding[]; failure?: string }> {
  const name = journal.at(-1)?.name
  if (name !== undefined && !byMigration.has(name)) return {}
  const newest = name === undefined ? undefined : { name, snapshot: join(path, 'meta', snapshotFile(name)) }
  return findDrift({ schema, casing, newest }).then(
    drift => ({ drift }),
    (error: Error) => ({ failure: error.message })
  )
}

function typesBefore(
  { journal }: MigrationFolder,
  { byMigration }: Snapshots
): ExaminationOptions['typeBefore'] {
  return ({ name }, table, column) => {
    const before = journal[journal.findIndex(entry => entry.name === name) - 1]?.name ?? ''
    return byMigration.get(before)?.tables?.[table]?.columns[column]?.type
  }
}

function inOrder(findings: GateFinding[], { journal }: MigrationFolder): GateFinding[] {
  const order = [...journal.map(({ name }) => name), ...findings.map(({ migration }) => migration)]
  const placeOf = ({ migration }: GateFinding) => order.indexOf(migration)
  const lineOf = ({ line = 0 }: GateFinding) => line
  return findings.toSorted((one, other) => placeOf(one) - placeOf(other) || lineOf(one) - lineOf(other))
}
