/**
 * Folders of migrations as drizzle-kit writes them, in either layout, and databases that they are applied to.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { drizzle as drizzle1 } from 'drizzle-orm-1/node-postgres'
import { migrate as migrate1 } from 'drizzle-orm-1/node-postgres/migrator'
import pg from 'pg'
import type { Test } from 'tap'
import { administer } from '../../../../test/support/postgres.ts'
import { readJournal } from '../../src/migrations/files/folder.ts'
import { toFolderEntry } from '../../src/migrations/files/layout.ts'
import {
  applyMigrations,
  type MigrationEvent,
  type MigrationOptions,
  readMigrationStatus
} from '../../src/migrations/migrations.ts'

/** Of Drizzle 0.x, and of 1.0. */
export const LAYOUTS = ['journal', 'folders'] as const

let layout: (typeof LAYOUTS)[number] = 'journal'

/** The tests in `body` run over folders of both; where the layout is `folders`, `0000_a` is `20260101000000_0000_a`. */
export function inBothLayouts(
  t: Test,
  body: (layout: (typeof LAYOUTS)[number], t: Test) => void | Promise<void>
) {
  for (const one of LAYOUTS)
    t.test(`in the layout ${one}`, async t => {
      layout = one
      t.teardown(() => {
        layout = 'journal'
      })
      await body(one, t)
    })
}

/** Of a text, with the names that are written in tests. */
export const withShortNames = (text: string) => text.replaceAll(/(?<!\d)\d{14}_(?=\d{4}_)/g, '')

export interface Written {
  name: string
  /** Undefined writes no file. */
  sql?: string | undefined
  /** @default a minute after the one before, from a time that is past */
  when?: number
  /** Columns by table, as they are after it; undefined writes no snapshot. */
  tables?: Record<string, string[]>
  /** In the snapshot, where there is one. */
  enums?: string[]
  /** Whether row-level security is enabled on all tables of the snapshot. @default false */
  isRLSEnabled?: boolean
}

const START = Date.UTC(2026, 0, 1)
const MINUTE_MS = 60_000

export const timeOf = (index: number) => START + index * MINUTE_MS

/** Writes over what is there. */
export function writeFolder(folder: string, migrations: Written[]): string {
  return layout === 'folders' ? writeFolders(folder, migrations) : writeJournal(folder, migrations)
}

function writeJournal(folder: string, migrations: Written[]): string {
  mkdirSync(join(folder, 'meta'), { recursive: true })
  const entries = migrations.map(({ name, when }, idx) => ({
    idx,
    version: '7',
    when: when ?? timeOf(idx),
    tag: name,
    breakpoints: true
  }))
  writeFileSync(
    join(folder, 'meta', '_journal.json'),
    JSON.stringify({ version: '7', dialect: 'postgresql', entries })
  )
  for (const { name, sql, tables, enums = [], isRLSEnabled = false } of migrations) {
    if (sql !== undefined) writeFileSync(sqlPath(folder, name), sql)
    if (tables !== undefined)
      writeFileSync(snapshotPath(folder, name), JSON.stringify(snapshotOf(tables, { enums, isRLSEnabled })))
  }
  return folder
}

/** Those that are not among them are gone, and one that has another time is renamed. */
function writeFolders(folder: string, migrations: Written[]): string {
  mkdirSync(folder, { recursive: true })
  const names = migrations.map(({ name }) => name)
  for (const other of foldersIn(folder))
    if (!names.includes(withShortNames(other))) rmSync(join(folder, other), { recursive: true })
  for (const [index, { name, sql, when, tables, enums = [], isRLSEnabled = false }] of migrations.entries()) {
    const stamp = new Date(when ?? timeOf(index)).toISOString().slice(0, 19).replaceAll(/\D/g, '')
    const path = join(folder, `${stamp}_${name}`)
    const before = folderOf(folder, name)
    if (before === undefined) mkdirSync(path)
    else renameSync(before, path)
    if (sql !== undefined) writeFileSync(join(path, 'migration.sql'), sql)
    if (tables !== undefined)
      writeFileSync(join(path, 'snapshot.json'), JSON.stringify(stateOf(tables, { enums, isRLSEnabled })))
    else if (!existsSync(join(path, 'snapshot.json'))) writeFileSync(join(path, 'snapshot.json'), '{}')
  }
  return folder
}

/** Moves the files of one of 0.x as `drizzle-kit up` of 1.0 does. */
export async function toFolders(folder: string) {
  for (const entry of await readJournal(folder)) {
    const to = join(folder, toFolderEntry(entry).name)
    mkdirSync(to)
    renameSync(join(folder, `${entry.name}.sql`), join(to, 'migration.sql'))
  }
  rmSync(join(folder, 'meta'), { recursive: true })
}

function foldersIn(folder: string): string[] {
  return readdirSync(folder).filter(name => /^\d{14}_/.test(name))
}

function folderOf(folder: string, name: string): string | undefined {
  const found = foldersIn(folder).find(other => withShortNames(other) === name)
  return found === undefined ? undefined : join(folder, found)
}

/** As the commands take it. */
export function fullName(folder: string, name: string): string {
  const path = layout === 'folders' ? folderOf(folder, name) : undefined
  return path === undefined ? name : basename(path)
}

/** Of the file of a migration. */
export const sqlPath = (folder: string, name: string) =>
  layout === 'folders' ? join(folderOf(folder, name) ?? name, 'migration.sql') : join(folder, `${name}.sql`)

export const snapshotPath = (folder: string, name: string) =>
  layout === 'folders'
    ? join(dirname(sqlPath(folder, name)), 'snapshot.json')
    : join(folder, 'meta', `${name.split('_')[0]}_snapshot.json`)

/** The whole schema, as the first snapshot of Drizzle 1.0 has it. */
function stateOf(
  tables: Record<string, string[]>,
  { enums, isRLSEnabled }: Required<Pick<Written, 'enums' | 'isRLSEnabled'>>
) {
  const schema = 'public'
  const ddl = Object.entries(tables).flatMap(([table, columns]) => [
    { entityType: 'tables', schema, name: table, isRlsEnabled: isRLSEnabled },
    ...columns.map(name => ({ entityType: 'columns', schema, table, name }))
  ])
  return { ddl: [...ddl, ...enums.map(name => ({ entityType: 'enums', schema, name, values: [] }))] }
}

/** As much of one as is looked at. */
function snapshotOf(
  tables: Record<string, string[]>,
  { enums, isRLSEnabled }: Required<Pick<Written, 'enums' | 'isRLSEnabled'>>
) {
  const described = Object.entries(tables).map(([name, columns]) => [
    `public.${name}`,
    {
      name,
      schema: '',
      columns: Object.fromEntries(columns.map(column => [column, { name: column }])),
      isRLSEnabled
    }
  ])
  const types = enums.map(name => [`public.${name}`, { name, schema: 'public', values: [] }])
  return { tables: Object.fromEntries(described), enums: Object.fromEntries(types) }
}

export const makeFolder = (t: Test, migrations: Written[]) => writeFolder(t.testdir({}), migrations)

export async function apply(url: string, folder: string, options: Partial<MigrationOptions> = {}) {
  const events: MigrationEvent[] = []
  const report = (event: MigrationEvent) => {
    events.push(event)
  }
  const run = await applyMigrations({ url, folder, report, ...options })
  return { ...run, events, types: events.map(({ type }) => type) }
}

/** By the code that `drizzle-kit migrate` runs, of the line that writes this layout, without its process. */
export async function migrateAsDrizzleKit(
  url: string,
  folder: string,
  ledger = 'drizzle.__drizzle_migrations'
): Promise<void> {
  const [migrationsSchema = '', migrationsTable = ''] = ledger.split('.')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const config = { migrationsFolder: folder, migrationsSchema, migrationsTable }
    if (layout === 'folders') await migrate1(drizzle1({ client }), config)
    else await migrate(drizzle({ client }), config)
  } finally {
    await client.end()
  }
}

export const statusOf = (url: string, folder: string) => readMigrationStatus({ url, folder })

export const ledgerOf = async (url: string) =>
  (await administer('select created_at, hash from drizzle.__drizzle_migrations order by id', url)).map(
    ({ created_at, hash }) => ({ when: Number(created_at), hash: `${hash}` })
  )

export const tablesIn = async (url: string) =>
  (await administer("select tablename from pg_tables where schemaname = 'public' order by 1", url)).map(
    ({ tablename }) => tablename
  )
