/**
 * Folders of migrations as drizzle-kit writes them, and databases that they are applied to.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import {
  applyMigrations,
  type MigrationEvent,
  type MigrationOptions,
  readMigrationStatus
} from '../../../src/neon/migrations.ts'
import { administer } from '../../postgres.ts'

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

/** Writes journal and files; over those that are there. */
export function writeFolder(folder: string, migrations: Written[]): string {
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
    if (sql !== undefined) writeFileSync(join(folder, `${name}.sql`), sql)
    if (tables !== undefined)
      writeFileSync(snapshotPath(folder, name), JSON.stringify(snapshotOf(tables, { enums, isRLSEnabled })))
  }
  return folder
}

const snapshotPath = (folder: string, name: string) =>
  join(folder, 'meta', `${name.split('_')[0]}_snapshot.json`)

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

export const statusOf = (url: string, folder: string) => readMigrationStatus({ url, folder })

export const ledgerOf = async (url: string) =>
  (await administer('select created_at, hash from drizzle.__drizzle_migrations order by id', url)).map(
    ({ created_at, hash }) => ({ when: Number(created_at), hash: `${hash}` })
  )

export const tablesIn = async (url: string) =>
  (await administer("select tablename from pg_tables where schemaname = 'public' order by 1", url)).map(
    ({ tablename }) => tablename
  )
