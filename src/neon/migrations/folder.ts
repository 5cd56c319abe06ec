/**
 * Reads the folder that drizzle-kit writes: the journal, a file for each migration, and what is wrong with them.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { MigrationsInvalidError } from '../../errors.ts'
import { type Directives, readDirectives } from './directives.ts'
import type { MigrationFinding } from './findings.ts'
import {
  canRunInTransaction,
  isNamelessIndex,
  isTransactionControl,
  parseStatements,
  type Statement,
  StatementSyntaxError
} from './statements.ts'

export interface JournalEntry {
  /** As drizzle-kit names it, such as `0002_due-dates`. */
  name: string
  /** When it was generated, in ms since 1970. The ledger knows a migration by it. */
  when: number
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
}

export interface Migration extends MigrationFile {
  directives: Directives
  /** Empty when the file is not SQL. */
  statements: Statement[]
}

export interface MigrationFolder {
  path: string
  journal: JournalEntry[]
  /** In the order of the journal; those whose file is there. */
  migrations: Migration[]
  findings: MigrationFinding[]
}

// Of shape 5 to 7, which differ in nothing that counts here.
const Journal = Type.Object({
  entries: Type.Array(
    Type.Object({ tag: Type.String({ pattern: '^[^/\\\\]+$' }), when: Type.Integer({ minimum: 0 }) })
  )
})

// The clocks of two machines differ by less.
const CLOCK_SKEW_MS = 300_000

/** Throws FST_NEON_MIGRATIONS_INVALID when there is no journal, or one that cannot be read. */
export async function readJournal(folder: string): Promise<JournalEntry[]> {
  const file = join(folder, 'meta', '_journal.json')
  const text = await readFile(file, 'utf8').catch(() => {
    throw new MigrationsInvalidError(`there is no journal of migrations: ${file}`)
  })
  return parseJournal(text, file)
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

function isJournal(value: unknown): value is Static<typeof Journal> {
  return Value.Check(Journal, value)
}

/** The files that the journal names, without those that are not there. */
export async function readMigrationFiles(path: string, journal: JournalEntry[]): Promise<MigrationFile[]> {
  const files = await Promise.all(
    journal.map(async (entry): Promise<MigrationFile | undefined> => {
      const file = join(path, `${entry.name}.sql`)
      const text = await readFile(file, 'utf8').catch(() => undefined)
      return text === undefined ? undefined : { ...entry, file, text, ...hashesOf(text) }
    })
  )
  return files.filter(file => file !== undefined)
}

/** `now` in ms since 1970: what is dated later is a finding. */
export async function readMigrationFolder(path: string, now = Date.now()): Promise<MigrationFolder> {
  const journal = await readJournal(path)
  const files = await readMigrationFiles(path, journal)
  const read = await Promise.all(files.map(readStatements))
  const findings = [
    ...findInJournal(journal, now),
    ...(await findUnlisted(path, journal)),
    ...findMissing(journal, files),
    ...read.flatMap(({ found }) => found)
  ]
  return { path, journal, migrations: read.map(({ migration }) => migration), findings }
}

function findMissing(journal: JournalEntry[], files: MigrationFile[]): MigrationFinding[] {
  const there = new Set(files.map(({ name }) => name))
  return journal
    .filter(({ name }) => !there.has(name))
    .map(({ name }) => ({
      kind: 'missing',
      migration: name,
      message: 'there is no such file in the folder'
    }))
}

function findInJournal(journal: JournalEntry[], now: number): MigrationFinding[] {
  return journal.flatMap(({ name, when }, index): MigrationFinding[] => {
    const before = journal[index - 1]
    const found: MigrationFinding[] = []
    if (before !== undefined && when <= before.when)
      found.push({
        kind: 'reordered',
        migration: name,
        message: `its time in the journal is not after that of ${before.name}`
      })
    if (when > now + CLOCK_SKEW_MS)
      found.push({
        kind: 'future-dated',
        migration: name,
        message: `its time in the journal is ${new Date(when).toISOString()}`
      })
    return found
  })
}

async function findUnlisted(path: string, journal: JournalEntry[]): Promise<MigrationFinding[]> {
  const listed = new Set(journal.map(({ name }) => `${name}.sql`))
  const files = (await readdir(path)).filter(file => file.endsWith('.sql') && !listed.has(file)).sort()
  return files.map(file => ({
    kind: 'missing',
    migration: file.replace(/\.sql$/, ''),
    message: 'the journal does not name it, so it is never applied'
  }))
}

async function readStatements(
  file: MigrationFile
): Promise<{ migration: Migration; found: MigrationFinding[] }> {
  const { name: migration, text } = file
  const directives = readDirectives(text)
  const found: MigrationFinding[] = []
  const statements = await parseStatements(text).catch((error: unknown) => {
    /* c8 ignore next -- anything else is a mistake in the parser */
    if (!(error instanceof StatementSyntaxError)) throw error
    found.push({ kind: 'half-written', migration, line: error.line, message: error.message })
    return []
  })
  if (statements.length === 0 && found.length === 0)
    found.push({ kind: 'half-written', migration, message: 'the file has no statement' })
  for (const statement of statements) {
    const message = misplacement(statement, directives)
    if (message) found.push({ kind: 'misplaced', migration, line: statement.line, message })
  }
  return { migration: { ...file, directives, statements }, found }
}

function misplacement(statement: Statement, { noTransaction }: Directives): string | undefined {
  if (isTransactionControl(statement)) return 'a migration neither begins nor ends a transaction'
  if (canRunInTransaction(statement)) return undefined
  if (!noTransaction) return 'Postgres runs it outside a transaction only'
  return isNamelessIndex(statement)
    ? 'an index that is built CONCURRENTLY needs a name, by which an interrupted run finds it'
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
