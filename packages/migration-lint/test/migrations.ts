/**
 * Migrations for the tests of the lint: from their SQL, and as a folder that drizzle-kit could have written.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { readDirectives } from '../../fastify-neon/src/migrations/files/directives.ts'
import { hashesOf, type Migration } from '../../fastify-neon/src/migrations/files/folder.ts'
import { listFolders } from '../../fastify-neon/src/migrations/files/layout.ts'
import { parseStatements } from '../../fastify-neon/src/migrations/files/statements.ts'
import type { FolderAtCommit } from '../src/branch.ts'

export async function migration(name: string, text: string, when = 1): Promise<Migration> {
  const statements = await parseStatements(text)
  const directives = readDirectives(text)
  return { name, when, file: `${name}.sql`, text, ...hashesOf(text), directives, statements }
}

export interface Entry {
  name: string
  sql?: string
  when?: number
  /** Without one there is none in the folder. */
  snapshot?: object | string
}

export const ORIGIN = '00000000-0000-0000-0000-000000000000'

/** Of a database without a table, as drizzle-kit 0.31 writes it. */
export function snapshot(id: string, prevId: string, tables: object = {}): object {
  return {
    id,
    prevId,
    version: '7',
    dialect: 'postgresql',
    tables,
    enums: {},
    schemas: {},
    sequences: {},
    roles: {},
    policies: {},
    views: {},
    _meta: { columns: {}, schemas: {}, tables: {} }
  }
}

/** One column of text, as drizzle-kit writes it. */
export function table(name: string, column: string, type = 'text'): object {
  return {
    [`public.${name}`]: {
      name,
      schema: '',
      columns: { [column]: { name: column, type, primaryKey: false, notNull: false } },
      indexes: {},
      foreignKeys: {},
      compositePrimaryKeys: {},
      uniqueConstraints: {},
      policies: {},
      checkConstraints: {},
      isRLSEnabled: false
    }
  }
}

/** By their path in the folder, in the order of the journal, a second apart. */
export function filesOf(entries: Entry[]): Record<string, string> {
  const journal = entries.map(({ name, when }, idx) => ({
    idx,
    version: '7',
    when: when ?? idx * 1000,
    tag: name
  }))
  const texts = entries.flatMap(({ name, sql = 'select 1', snapshot }) => {
    const file = `meta/${name.split('_')[0]}_snapshot.json`
    const text = typeof snapshot === 'string' ? snapshot : JSON.stringify(snapshot)
    return [[`${name}.sql`, sql], ...(snapshot === undefined ? [] : [[file, text]])]
  })
  return { 'meta/_journal.json': JSON.stringify({ entries: journal }), ...Object.fromEntries(texts) }
}

/** The same of Drizzle 1.0, whose names have the times. */
export function foldersOf(entries: Entry[]): Record<string, string> {
  return Object.fromEntries(
    entries.flatMap(({ name, sql = 'select 1', snapshot }) => {
      const text = typeof snapshot === 'string' ? snapshot : JSON.stringify(snapshot)
      return [
        [`${name}/migration.sql`, sql],
        ...(snapshot === undefined ? [] : [[`${name}/snapshot.json`, text]])
      ]
    })
  )
}

/** What drizzle-kit 1.0 writes for the first migration. */
export function base(id: string, ddl: object[] = [], more: object = {}): object {
  return {
    version: '9',
    dialect: 'postgres',
    type: 'base',
    id,
    prevIds: [ORIGIN],
    footprints: [],
    ddl,
    ...more
  }
}

/** What it writes for a later one that writes these. */
export function diff(id: string, prevIds: string[], writes: string[] = [], more: object = {}): object {
  const footprints = writes.length > 0 ? [{ statementType: 'add_column', statementTarget: [], writes }] : []
  return { version: '9', dialect: 'postgres', type: 'diff', id, prevIds, footprints, deltas: [], ...more }
}

/** Returns the path of a folder `drizzle` of Drizzle 1.0. */
export function writeFolders(t: Test, entries: Entry[], beside: Record<string, string> = {}): string {
  const folder = join(t.testdir({ ...beside, drizzle: {} }), 'drizzle')
  for (const [path, text] of Object.entries(foldersOf(entries))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

export function foldersAtCommit(entries: Entry[]): FolderAtCommit {
  const files = new Map(Object.entries(foldersOf(entries)))
  return { journal: listFolders(files.keys()), files }
}

export function atCommit(entries: Entry[]): FolderAtCommit {
  const journal = entries.map(({ name, when }, index) => ({ name, when: when ?? index * 1000 }))
  return { journal, files: new Map(Object.entries(filesOf(entries))) }
}

/** Returns the path of a folder `drizzle`, beside which other files may be. */
export function folderOf(t: Test, entries: Entry[], beside: Record<string, string> = {}): string {
  const { 'meta/_journal.json': journal = '', ...files } = filesOf(entries)
  const isMeta = (path: string) => path.startsWith('meta/')
  const top = Object.entries(files).filter(([path]) => !isMeta(path))
  const meta = Object.entries(files).filter(([path]) => isMeta(path))
  const root = t.testdir({
    ...beside,
    drizzle: {
      ...Object.fromEntries(top),
      meta: {
        '_journal.json': journal,
        ...Object.fromEntries(meta.map(([path, text]) => [path.slice(5), text]))
      }
    }
  })
  return join(root, 'drizzle')
}
