/**
 * Writes to the ledger that migrations are applied which were applied in another way, once it was seen that what
 * they make is there: a database that lived without a ledger, rows that were lost, a file whose words were changed.
 */
import type { Query } from '../../client/single-session.ts'
import { compareWithLedger } from '../examination.ts'
import {
  type FolderFiles,
  hasFolders,
  type MigrationFile,
  readFolder,
  readStatements,
  restoreChanged,
  sqlFile
} from '../files/folder.ts'
import type { ObjectName } from '../files/object-names.ts'
import { createMadeReader, readObjects } from '../files/snapshot.ts'
import { type ChangeOptions, withLockedSession } from '../files/source.ts'
import { fixOf } from '../findings.ts'
import { list, readCatalog } from '../schema.ts'
import { type MigrationStatus, matchRows, OWN_LEDGER } from '../status.ts'
import { readEffects } from './effects.ts'
import {
  changeLedger,
  createLedger,
  type LedgerName,
  ledgerSql,
  readLedger,
  writeToLedger
} from './ledger.ts'
import { upgradeLedger } from './upgrade.ts'

export interface MarkOptions extends ChangeOptions {
  /** As the journal, or their folders, name them; undefined is all that are pending, or those of them that `fromLedger` has. */
  names?: string[] | undefined
  /** Compares, and writes nothing. @default false */
  dryRun?: boolean
  /** Also those that leave nothing to compare, such as an INSERT. @default false */
  unchecked?: boolean
  /** Another ledger, whose row of a migration is proof enough. */
  fromLedger?: LedgerName | undefined
}

/** One that is to be written down, and what was compared. */
export interface Mark {
  migration: string
  /** What it makes, and the database has. */
  present: ObjectName[]
  /** What it makes and the newest snapshot still has, and the database does not. */
  missing: ObjectName[]
  /** What it drops, and the database does not have. */
  gone: ObjectName[]
  /** What it makes or drops, and a newer migration that is applied, or is to be marked, has undone. */
  undone: ObjectName[]
  /** Lines of statements that leave nothing to compare, or not what they say. */
  unseen: number[]
  /** The other ledger has it. */
  isProven: boolean
}

export interface MarkReport {
  marks: Mark[]
  /** Why nothing was written. */
  problems: string[]
  /** Names. */
  written: string[]
}

/** Changes nothing but the ledger, and not that either when there are problems. Throws as `applyMigrations` does. */
export async function markApplied(options: MarkOptions): Promise<MarkReport> {
  const folder = await readFolder(options.folder)
  return withLockedSession(options, async ({ query }, ledger) => {
    const { status, rows } = await compareWithLedger(query, ledger, folder)
    const proofs = await readProofs(query, folder, options.fromLedger)
    const names = options.names ?? status.pending.filter(name => proofs?.has(name) ?? true)
    const migrations = folder.files.filter(({ name }) => names.includes(name))
    const marks = await compare(query, { folder, status, migrations, proofs })
    const problems = [
      ...names.flatMap(name => problemOf(name, folder, status)),
      ...status.findings
        .filter(({ kind }) => kind === 'unmatched')
        .map(finding => `${finding.message}: ${fixOf(finding)}`),
      // What the other ledger has left out stays left out.
      ...(options.names === undefined
        ? findUnknown(names, status, options.fromLedger)
        : findSkipped(names, status)),
      ...marks.flatMap(mark => doubtsOf(mark, { folder, status, unchecked: options.unchecked === true }))
    ]
    if (problems.length > 0 || options.dryRun === true || migrations.length === 0)
      return { marks, problems, written: [] }
    const isOfFolders = hasFolders(folder.journal)
    if (isOfFolders) await upgradeLedger(query, ledger, folder)
    await createLedger(query, ledger, isOfFolders)
    const { migrations: matches } = matchRows({ ...folder, rows })
    await changeLedger(query, ledger, async () => {
      for (const migration of migrations) {
        const own = matches.filter(({ name }) => name === migration.name).flatMap(match => match.rows)
        if (own.length > 0)
          await query(`UPDATE ${ledgerSql(ledger)} SET hash = $1 WHERE id = ANY($2)`, [
            migration.hash,
            own.map(({ id }) => id)
          ])
        else await writeToLedger(query, ledger, migration)
      }
    })
    return { marks, problems, written: migrations.map(({ name }) => name) }
  })
}

function problemOf(name: string, { journal, files }: FolderFiles, status: MigrationStatus): string[] {
  if (!journal.some(entry => entry.name === name))
    return [`${hasFolders(journal) ? 'the folder' : 'the journal'} has no ${name}`]
  if (!files.some(file => file.name === name)) return [`there is no file of ${name}, so it has no hash`]
  const has = (kind: string) =>
    status.findings.some(finding => finding.kind === kind && finding.migration === name)
  if (has('restamped'))
    return [`${name} is in the ledger under another time or name: run npx fastify-neon repair`]
  if (has('interrupted'))
    return [`a run ended in the middle of ${name}: run npx fastify-neon migrate, which goes on`]
  if (status.applied.includes(name) && !has('edited')) return [`${name} is in the ledger already`]
  return []
}

/** drizzle-kit leaves out for ever what is older than the newest row. */
function findSkipped(names: string[], { pending }: MigrationStatus): string[] {
  const last = pending.findLastIndex(name => names.includes(name))
  const skipped = pending.slice(0, last + 1).filter(name => !names.includes(name))
  return skipped.length === 0
    ? []
    : [`pending, and older: ${skipped.join(', ')}. Name them as well, or run npx fastify-neon migrate first`]
}

function findUnknown(names: string[], { pending }: MigrationStatus, fromLedger?: LedgerName): string[] {
  if (fromLedger === undefined || names.length > 0 || pending.length === 0) return []
  return [`${fromLedger.schema}.${fromLedger.table} has no row of what is pending: ${pending.join(', ')}`]
}

/** Names of those that another ledger has; undefined where none is given. */
async function readProofs(
  query: Query,
  { files }: FolderFiles,
  ledger: LedgerName | undefined
): Promise<Set<string> | undefined> {
  if (ledger === undefined) return undefined
  const rows = await readLedger(query, ledger)
  return new Set(
    files.filter(({ hashes }) => rows.some(({ hash }) => hashes.has(hash))).map(({ name }) => name)
  )
}

interface Comparison {
  folder: FolderFiles
  status: MigrationStatus
  migrations: MigrationFile[]
  proofs: Set<string> | undefined
}

async function compare(query: Query, { folder, status, migrations, proofs }: Comparison): Promise<Mark[]> {
  const { journal } = folder
  const names = [...status.applied, ...migrations.map(({ name }) => name)]
  const newest = journal.findLast(({ name }) => names.includes(name))
  const final = newest && (await readObjects(folder, newest.name))
  const catalog = await readCatalog(query)
  const marks: Mark[] = []
  const readMade = createMadeReader(folder)
  for await (const { migration } of readStatements(migrations)) {
    const { name, statements } = migration
    const inSnapshot = await readMade(name)
    const made = new Set(inSnapshot)
    const dropped = new Set<ObjectName>()
    const after = await readObjects(folder, name)
    // Whether a newer migration has taken away what this one made, or made what it dropped.
    const isUndone = (object: ObjectName, isMade: boolean) =>
      after?.has(object) === isMade && final?.has(object) === !isMade
    const unseen: number[] = []
    for (const statement of statements) {
      const effects = await readEffects(statement)
      for (const object of effects?.made ?? []) made.add(object)
      for (const object of effects?.dropped ?? []) dropped.add(object)
      const isSeen =
        effects?.made.every(object => catalog.has(object) || isUndone(object, true)) &&
        effects.dropped.every(object => !catalog.has(object) || isUndone(object, false))
      if (!isSeen) unseen.push(statement.line)
    }
    marks.push({
      migration: name,
      present: [...made].filter(object => catalog.has(object)),
      missing: inSnapshot.filter(object => !catalog.has(object) && final?.has(object)),
      gone: [...dropped].filter(object => !catalog.has(object)),
      undone: [
        ...[...made].filter(object => isUndone(object, true)),
        ...[...dropped].filter(object => isUndone(object, false))
      ],
      unseen,
      isProven: proofs?.has(name) === true
    })
  }
  return marks
}

function doubtsOf(
  { migration, present, missing, gone, undone, unseen, isProven }: Mark,
  { folder, status, unchecked }: Pick<Comparison, 'folder' | 'status'> & { unchecked: boolean }
): string[] {
  if (isProven) return []
  const file = sqlFile(folder, migration)
  if (missing.length > 0) {
    const isEdited = status.applied.includes(migration)
    const advice = isEdited
      ? `although the ledger has a row of its time. If the file was changed, ${restoreChanged(file)}; for another folder, ${OWN_LEDGER}`
      : 'so it is not applied: run npx fastify-neon migrate'
    return [`${migration}: the database does not have ${list(missing)}, ${advice}`]
  }
  if (unchecked) return []
  if (unseen.length > 0)
    return [
      `${migration}: the database does not tell whether ${unseen.map(line => `${file}:${line}`).join(', ')} was carried out. Look, and add --unchecked if it was`
    ]
  if ([...present, ...gone, ...undone].length > 0) return []
  return [
    `${migration}: there is nothing to compare. Look whether it was carried out, and add --unchecked if it was`
  ]
}
