/**
 * Reads the folder that drizzle-kit writes: the journal or the folders of migrations, a file for each, and what is wrong
 * with them.
 */
import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { MigrationsInvalidError } from '../../errors/errors.ts'
import { isRecord } from '../../runtime/record.ts'
import type { MigrationFinding } from '../findings.ts'
import { type Directives, readDirectives } from './directives.ts'
import { JOURNAL, numberOf, readFolderEntries, sqlPath } from './layout.ts'
import {
  canRunInTransaction,
  endsWithTransaction,
  isCopyOfRows,
  isDiscardAll,
  isForPsql,
  isNamelessIndex,
  isSetLocal,
  isTransactionControl,
  parseStatements,
  type Statement,
  StatementSyntaxError
} from './statements.ts'

export interface JournalEntry {
  /** As drizzle-kit names it: `0002_due-dates`, or `20260101000000_due-dates` where it has a folder. */
  name: string
  /** When it was generated, in ms since 1970. The ledger of Drizzle 0.x knows a migration by it. */
  when: number
  /** It has a folder of its own, as Drizzle 1.0 writes it, and the ledger knows it by its name. */
  hasFolder?: boolean
}

/** A migration as it stands in the folder. */
export interface MigrationFile extends JournalEntry {
  /** Of the folder and its name. */
  file: string
  text: string
  /** SHA-256 of the file in hex, as drizzle-kit writes it to its ledger. */
  hash: string
  /** The same with the line ends of another system; they do not count. */
  hashes: ReadonlySet<string>
  /** The first line, from 1, that is not text: its bytes are not UTF-8, or one is NUL. */
  unreadableLine?: number
}

export interface Migration extends MigrationFile {
  directives: Directives
  /** Empty when the file is not SQL. */
  statements: Statement[]
}

/** What is there, without a look at the SQL. */
export interface FolderFiles {
  path: string
  /** Of Drizzle 1.0, which writes none, the folders by their names. */
  journal: JournalEntry[]
  /** In the order of the journal; those whose file is there. */
  files: MigrationFile[]
  /** Files that are in no journal and no folder, without .sql. */
  unlisted: string[]
  /** Of the journal, and of files that are not there. */
  findings: MigrationFinding[]
}

/** A migration, and what is wrong with its SQL. */
export interface ReadMigration {
  migration: Migration
  found: MigrationFinding[]
}

export interface MigrationFolder {
  path: string
  journal: JournalEntry[]
  /** In the order of the journal; those whose file is there. */
  migrations: Migration[]
  findings: MigrationFinding[]
}

/** Versions 5 to 7 of the journal have these in common. */
interface Journal {
  entries: { tag: string; when: number }[]
}

// A name in the folder, and not a path out of it.
const TAG = /^[^/\\]+$/

// The clocks of two machines differ by less.
const CLOCK_SKEW_MS = 300_000

// Nothing, or what `drizzle-kit generate --custom` writes.
const UNWRITTEN = /^\s*(?:-- Custom SQL migration file, put your code below! --)?\s*$/

/** Of either layout. Throws FST_NEON_MIGRATIONS_INVALID and FST_NEON_MIGRATIONS_MIXED. */
export async function readJournal(folder: string): Promise<JournalEntry[]> {
  const entries = await readFolderEntries(folder)
  if (entries !== undefined) return entries
  const file = join(folder, JOURNAL)
  return parseJournal(await readFile(file, 'utf8'), file)
}

/** `file` is for the message alone. */
export function parseJournal(text: string, file: string): JournalEntry[] {
  let journal: unknown
  try {
    journal = JSON.parse(text)
  } catch {
    throw new MigrationsInvalidError(`the journal of migrations is not JSON: ${file}`)
  }
  if (!isJournal(journal)) throw new MigrationsInvalidError(`not a journal as drizzle-kit writes it: ${file}`)
  return journal.entries.map(({ tag, when }) => ({ name: tag, when }))
}

// Not by a schema of TypeBox, whose 250 modules take longer to load than all else that db:status loads.
function isJournal(value: unknown): value is Journal {
  return isRecord(value) && Array.isArray(value.entries) && value.entries.every(isEntry)
}

function isEntry(value: unknown): boolean {
  if (!isRecord(value)) return false
  const { tag, when } = value
  return typeof tag === 'string' && TAG.test(tag) && Number.isInteger(when) && Number(when) >= 0
}

/** The files that the journal names, without those that are not there. */
export async function readMigrationFiles(path: string, journal: JournalEntry[]): Promise<MigrationFile[]> {
  const files = await Promise.all(
    journal.map(async (entry): Promise<MigrationFile | undefined> => {
      const file = join(path, sqlPath(entry))
      const bytes = await readFile(file).catch(() => undefined)
      if (bytes === undefined) return undefined
      const text = bytes.toString()
      const unreadableLine = findUnreadable(bytes)
      return {
        ...entry,
        file,
        text,
        ...hashesOf(text),
        ...(unreadableLine !== undefined && { unreadableLine })
      }
    })
  )
  return files.filter(file => file !== undefined)
}

/** The parser ends at a NUL, and what is not UTF-8 would reach the database changed. */
function findUnreadable(bytes: Buffer): number | undefined {
  if (isUtf8(bytes) && !bytes.includes(0)) return undefined
  let line = 1
  let start = 0
  for (;;) {
    const end = bytes.indexOf('\n', start)
    const content = bytes.subarray(start, end < 0 ? bytes.length : end)
    if (end < 0 || !isUtf8(content) || content.includes(0)) return line
    start = end + 1
    line += 1
  }
}

/** `now` in ms since 1970: what is dated later is a finding. */
export async function readFolder(path: string, now = Date.now()): Promise<FolderFiles> {
  const journal = await readJournal(path)
  const listed = new Set(journal.map(sqlPath))
  const names = (await readdir(path)).flatMap(file => /^(.*)\.sql$/s.exec(file)?.[1] ?? [])
  const unlisted = names.filter(name => !listed.has(`${name}.sql`)).sort()
  const files = await readMigrationFiles(path, journal)
  const found = { path, journal, files, unlisted }
  const findings = [
    ...findInJournal(journal, now),
    ...unlisted.map(name => findUnlisted(name, hasFolders(journal))),
    ...findMissing(found)
  ]
  return { ...found, findings }
}

/** All of the folder, SQL included: what the gate looks at. */
export async function readMigrationFolder(path: string, now = Date.now()): Promise<MigrationFolder> {
  const { journal, files, findings } = await readFolder(path, now)
  const folder: MigrationFolder = { path, journal, migrations: [], findings }
  for await (const { migration, found } of readStatements(files)) {
    folder.migrations.push(migration)
    folder.findings.push(...found)
  }
  return folder
}

/** Parses the files one after the other, and says what is wrong with their SQL: the parser does not work on two at once. */
export async function* readStatements(files: readonly MigrationFile[]): AsyncGenerator<ReadMigration> {
  for (const file of files) yield await readMigration(file)
}

function findMissing({ path, journal, files, unlisted }: Omit<FolderFiles, 'findings'>): MigrationFinding[] {
  const there = new Set(files.map(({ name }) => name))
  return journal
    .filter(({ name }) => !there.has(name))
    .map(({ name }): MigrationFinding => {
      const renamed = unlisted.find(other => numberOf(other) === numberOf(name))
      return {
        kind: 'missing',
        migration: name,
        message: 'there is no such file in the folder',
        fix: renamed
          ? `if ${renamed}.sql is its new name, and it was applied, run npx fastify-neon repair, which corrects the journal; if not, ${restoreDeleted(sqlFile({ path, journal }, name))}`
          : restoreDeleted(sqlFile({ path, journal }, name))
      }
    })
}

/** Whether it is of Drizzle 1.0. */
export function hasFolders(journal: readonly JournalEntry[]): boolean {
  return journal.some(({ hasFolder }) => hasFolder)
}

export function sqlFile({ path, journal }: Pick<FolderFiles, 'path' | 'journal'>, name: string): string {
  return shown(join(path, ...journal.filter(entry => entry.name === name).map(sqlPath)))
}

/** HEAD does not have it any more once the deletion was committed. */
export function restoreDeleted(file: string): string {
  return restore(file, 'its deletion', '--diff-filter=D ')
}

export function restoreChanged(file: string): string {
  return restore(file, 'the change', '')
}

function restore(file: string, what: string, filter: string): string {
  return `restore the file by git checkout HEAD -- ${file}; when ${what} was committed, git log ${filter}-- ${file} names the COMMIT, and git checkout COMMIT^ -- ${file} brings it back`
}

/** What is wrong with the times; `now` in ms since 1970. */
export function findInJournal(journal: readonly JournalEntry[], now: number): MigrationFinding[] {
  return journal.flatMap(({ name, when, hasFolder }, index): MigrationFinding[] => {
    const before = journal[index - 1]
    const found: MigrationFinding[] = []
    // Folders are in the order of their names.
    if (!hasFolder && before !== undefined && when <= before.when)
      found.push({
        kind: 'reordered',
        migration: name,
        message: `its time in the journal is not after that of ${before.name}`
      })
    if (isFutureDated(when, now))
      found.push({
        kind: 'future-dated',
        migration: name,
        message: `its time in the ${hasFolder ? 'name of its folder' : 'journal'} is ${new Date(when).toISOString()}`,
        ...(hasFolder && { fix: RENAME_FOLDER })
      })
    return found
  })
}

const RENAME_FOLDER =
  'correct the clock, rename the folder to a time in the past that is later than those of the migrations before it, and commit that; if it is applied, run npx fastify-neon repair, which gives its row the new name'

export function isFutureDated(when: number, now: number): boolean {
  return when > now + CLOCK_SKEW_MS
}

function findUnlisted(migration: string, isBesideFolders: boolean): MigrationFinding {
  const [message, fix] = isBesideFolders
    ? [
        'the file is in no folder of its own, so it is never applied',
        'delete the file, or move its text to the folder that drizzle-kit generate --custom makes'
      ]
    : [
        'the journal does not name it, so it is never applied',
        'delete the file, or take the journal back that names it'
      ]
  return { kind: 'missing', migration, message, fix }
}

async function readMigration(file: MigrationFile): Promise<ReadMigration> {
  const { name: migration, text, unreadableLine: line } = file
  const directives = readDirectives(text)
  if (line !== undefined) {
    const message = 'the file has bytes that are not UTF-8, or a NUL'
    const fix = `save ${shown(file.file)} as UTF-8, without NUL`
    return {
      migration: { ...file, directives, statements: [] },
      found: [{ kind: 'half-written', migration, line, message, fix }]
    }
  }
  const found: MigrationFinding[] = []
  const statements = await parseStatements(text).catch((error: unknown) => {
    /* c8 ignore next -- anything else is a mistake in the parser */
    if (!(error instanceof StatementSyntaxError)) throw error
    const { line, message } = error
    const fix = isForPsql(text, line) ? { fix: takePsqlOut(file, line) } : {}
    found.push({ kind: 'half-written', migration, line, message, ...fix })
    return []
  })
  if (UNWRITTEN.test(text))
    found.push({
      kind: 'half-written',
      migration,
      message: 'the file is empty, or as drizzle-kit generate --custom has made it',
      fix: `write ${shown(file.file)}, or a comment in it that says why there is nothing to do`
    })
  for (const statement of statements) {
    const { line } = statement
    if (isCopyOfRows(statement)) {
      const message = 'a migration has no rows to send to COPY'
      found.push({ kind: 'half-written', migration, line, message, fix: takePsqlOut(file, line) })
    }
    const misplaced = misplacement(statement, file, directives)
    if (misplaced) found.push({ kind: 'misplaced', migration, line: statement.line, ...misplaced })
  }
  return { migration: { ...file, directives, statements }, found }
}

function takePsqlOut({ file }: MigrationFile, line: number): string {
  return `take line ${line} of ${shown(file)} out: the commands of psql and the data of COPY are not SQL; write rows as INSERT`
}

/** The line that lets a migration run outside a transaction, and where it goes. */
export function addNoTransaction(file: string): string {
  return `put the line -- fastify-neon:no-transaction at the top of ${shown(file)}`
}

function shown(file: string): string {
  return relative('', file)
}

function misplacement(
  statement: Statement,
  { file }: MigrationFile,
  { noTransaction }: Directives
): Pick<MigrationFinding, 'message' | 'fix'> | undefined {
  if (isTransactionControl(statement))
    return {
      message: 'a migration neither begins nor ends a transaction',
      fix: `take line ${statement.line} out${noTransaction ? '' : `; for a migration without a transaction, ${addNoTransaction(file)}`}`
    }
  if (noTransaction && endsWithTransaction(statement))
    return {
      message: 'what it does ends with its transaction, and each statement of this migration stands alone',
      fix: isSetLocal(statement)
        ? `write SET in place of SET LOCAL on line ${statement.line} of ${shown(file)}; it holds for this migration alone`
        : `take line ${statement.line} out, or write it in a DO together with what it is for`
    }
  if (isDiscardAll(statement))
    return {
      message: 'DISCARD ALL lets go of the lock that keeps other runs out',
      fix: `take line ${statement.line} out; each migration begins with the defaults`
    }
  if (canRunInTransaction(statement)) return undefined
  if (!noTransaction)
    return { message: 'Postgres runs it outside a transaction only', fix: addNoTransaction(file) }
  return isNamelessIndex(statement)
    ? {
        message: 'an index that is built CONCURRENTLY needs a name, by which an interrupted run finds it',
        fix: `give the index on line ${statement.line} of ${shown(file)} a name`
      }
    : undefined
}

/** What tells one text from another; line ends do not count. */
export function hashesOf(text: string): Pick<MigrationFile, 'hash' | 'hashes'> {
  const unix = text.replaceAll('\r\n', '\n')
  const hash = sha256(text)
  return { hash, hashes: new Set([hash, sha256(unix), sha256(unix.replaceAll('\n', '\r\n'))]) }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
