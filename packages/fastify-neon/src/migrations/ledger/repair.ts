/**
 * Makes journal and ledger agree again, where it is certain what is meant. It never says of a migration that it is
 * applied which has no row in the ledger, and runs none. Folders of Drizzle 1.0 keep their names.
 */

import { compareWithLedger } from '../examination.ts'
import {
  type Change,
  type Changes,
  moveProgressRow,
  moveRow,
  removeRow,
  removeUnknownRow,
  timeOf
} from '../files/changes.ts'
import {
  type FolderFiles,
  hasFolders,
  type JournalEntry,
  readFolder,
  restoreChanged,
  restoreDeleted,
  sqlFile
} from '../files/folder.ts'
import { type Correction, correctJournal, readHashes, writeJournal } from '../files/journal.ts'
import { numberOf } from '../files/layout.ts'
import { type ChangeOptions, withLockedSession } from '../files/source.ts'
import { isPlaced, type Match, matchRows, OWN_LEDGER, progressOf } from '../status.ts'
import { changeLedger, type StoredRow } from './ledger.ts'
import { isProgressOf, type Progress } from './progress.ts'
import { startOver } from './start-over.ts'

export interface RepairOptions extends ChangeOptions {
  /** Says what would be done. @default false */
  dryRun?: boolean
  /** Forgets what is applied, when not one of its tables is left. @default false */
  startOver?: boolean
  /** Takes out the rows of the ledger that no file of the folder explains. @default false */
  forgetUnknown?: boolean
}

export interface RepairReport {
  /** What was done, or would be. */
  steps: string[]
  /** What was not done, and why. */
  problems: string[]
}

/** Changes the times and names of the journal, and rows of the ledger. Throws as `applyMigrations` does. */
export async function repairMigrations(options: RepairOptions): Promise<RepairReport> {
  const folder = await readFolder(options.folder)
  return withLockedSession(options, async ({ query }, ledger) => {
    const { rows, progress } = await compareWithLedger(query, ledger, folder)
    const { migrations, unknown } = matchRows({ ...folder, rows })
    const strays = await readStrays(folder)
    const { corrections, problems } = settle(folder, migrations, strays)
    const forgotten = options.forgetUnknown
      ? forgetRows(unknown, strays, hasFolders(folder.journal))
      : undefined
    const others = forgotten ? [] : unknown
    const settled = options.startOver
      ? [await startOver(query, { folder, ledger, progress, matches: { migrations, unknown: others } })]
      : migrations.map(migration =>
          changesOf(migration, {
            right: { ...migration, ...corrections.find(({ from }) => from.name === migration.name)?.to },
            progress: progressOf(migration, { ...folder, progress }),
            isShared: others.length > 0,
            forgetUnknown: options.forgetUnknown === true
          })
        )
    const parts = [...settled, ...(forgotten ? [forgotten] : [])]
    const changes = parts.flatMap(part => part.changes)
    const report = {
      steps: [...corrections.map(correctionLine), ...changes.map(({ line }) => line)],
      problems: [...problems, ...parts.flatMap(part => part.problems)]
    }
    if (options.dryRun) return report
    const write = () => writeJournal(folder.path, corrections)
    // The journal last: when it cannot be written, the ledger is as it was. When COMMIT fails, the times differ, and a
    // second run moves the rows.
    if (changes.length > 0)
      await changeLedger(query, ledger, async () => {
        for (const { run } of changes) await run(query, ledger)
        await write()
      })
    else await write()
    return report
  })
}

/** Of a file that the journal does not name. */
interface Stray {
  name: string
  hashes: ReadonlySet<string>
}

function readStrays({ path, unlisted }: FolderFiles): Promise<Stray[]> {
  return Promise.all(unlisted.map(async name => ({ name, hashes: await readHashes(path, name) })))
}

/**
 * An entry gets the name of another file when a row in the ledger proves by its hash that this is the one, and no
 * other time when its row would not be found by the hash of its file then.
 */
function settle(folder: FolderFiles, migrations: Match<StoredRow>[], strays: Stray[]) {
  const isOfFolders = hasFolders(folder.journal)
  const renamed = isOfFolders ? new Map<string, string>() : findRenamed(migrations, strays)
  const corrections = isOfFolders ? [] : correctJournal(folder.journal, { now: Date.now(), renamed })
  const lost = new Map(
    migrations.flatMap(({ name, rows, hashes }) => {
      if (renamed.has(name)) return []
      if (hashes === undefined) return [[name, missingFile(name, folder)] as const]
      const isMoved = corrections.some(({ from }) => from.name === name)
      return !isMoved || rows.length === 0 || rows.some(({ hash }) => hashes.has(hash))
        ? []
        : [
            [
              name,
              `${name} stays as it is in the journal, because its file is not the one that was applied: ${restoreChanged(sqlFile(folder, name))}`
            ] as const
          ]
    })
  )
  return {
    corrections: corrections.filter(({ from }) => !lost.has(from.name)),
    problems: [...lost.values()]
  }
}

function findRenamed(migrations: Match<StoredRow>[], strays: Stray[]): Map<string, string> {
  return new Map(
    migrations.flatMap(({ name, rows, hashes }) => {
      if (hashes !== undefined) return []
      const [stray, ...others] = strays.filter(other => rows.some(({ hash }) => other.hashes.has(hash)))
      return stray === undefined || others.length > 0 ? [] : [[name, stray.name] as const]
    })
  )
}

function missingFile(name: string, folder: FolderFiles): string {
  if (hasFolders(folder.journal)) return `${name} has no file: ${restoreDeleted(sqlFile(folder, name))}`
  const other = folder.unlisted.find(stray => numberOf(stray) === numberOf(name))
  const unproven =
    other === undefined
      ? ''
      : `, and no row of the ledger proves that ${other}.sql is it: if that is its new name, write ${other} in its place into meta/_journal.json; if not`
  return `${name} stays as it is in the journal, because its file is not there${unproven}: ${restoreDeleted(sqlFile(folder, name))}`
}

interface Wanted {
  /** With the time that is right. */
  right: JournalEntry
  progress: Progress | undefined
  /** The ledger has rows that are not of this folder. */
  isShared: boolean
  forgetUnknown: boolean
}

/** A row that may be of another folder is left alone. */
function changesOf(
  { name, when, hasFolder, hashes, rows }: Match<StoredRow>,
  { right, progress, isShared, forgetUnknown }: Wanted
): Changes {
  const changes: Change[] = []
  const problems: string[] = []
  const kept = rows.find(({ hash }) => hashes?.has(hash)) ?? rows.at(-1)
  for (const row of rows) {
    const isOwn = row.hash === kept?.hash || hashes?.has(row.hash) || forgetUnknown
    if (row === kept) moveKept(row)
    else if (isOwn) changes.push(removeRow(row, `one of ${rows.length} rows of ${name}`))
    else
      problems.push(
        `a row of the ${hasFolder ? 'name' : 'time'} of ${name} stays in the ledger, because it has another hash: it may be of another folder, and then give each folder a ledger of its own: ${OWN_LEDGER}; if it is of a migration that was deleted, run npx fastify-neon repair --forget-unknown`
      )
  }
  if (progress !== undefined && !isProgressOf(right, progress))
    changes.push(moveProgressRow(name, progress, right))
  return { changes, problems }

  function moveKept(row: StoredRow) {
    if (isPlaced(right, row)) return
    const isOwn = hasFolder ? row.name === null : row.createdAt === when
    if (isOwn || !isShared) changes.push(moveRow(name, row, right))
    else
      problems.push(
        `the row of ${name} keeps its ${hasFolder ? 'name' : 'time'}, because the ledger has rows that are not of this folder, and this one may be of another folder too: give each folder a ledger of its own: ${OWN_LEDGER}; if they are of migrations that were deleted, run npx fastify-neon repair --forget-unknown`
      )
  }
}

/** A row whose migration is in the folder, and not in the journal, is not forgotten: the journal is what is wrong. */
function forgetRows(unknown: StoredRow[], strays: Stray[], isOfFolders: boolean): Changes {
  const strayOf = ({ hash }: StoredRow) => strays.find(({ hashes }) => hashes.has(hash))
  return {
    changes: unknown.filter(row => strayOf(row) === undefined).map(removeUnknownRow),
    problems: unknown
      .flatMap(row => strayOf(row) ?? [])
      .map(({ name }) =>
        isOfFolders
          ? `${name}.sql is applied, and is in no folder of its own: restore its folder first`
          : `${name} is applied, and the journal does not name it: restore the journal first`
      )
  }
}

function correctionLine({ from, to }: Correction): string {
  const parts = [
    ...(from.name === to.name ? [] : [`is named ${to.name}`]),
    ...(from.when === to.when ? [] : [`was ${timeOf(from.when)}, and is ${timeOf(to.when)}`])
  ]
  return `journal: ${from.name} ${parts.join(' and ')}`
}
