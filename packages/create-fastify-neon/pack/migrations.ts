/**
 * The migrations without the tables of the example: the same files but for the statements that name one of them.
 */
import type { Files } from './files.ts'

const FIRST = '00000000-0000-0000-0000-000000000000'
const BREAKPOINT = '--> statement-breakpoint'
const JOURNAL = 'drizzle/meta/_journal.json'

interface Entry {
  idx: number
  tag: string
}

interface Snapshot {
  id: string
  prevId: string
  tables: Record<string, unknown>
}

/** A migration of which nothing is left goes, and those behind it get the numbers of what is left. */
export function withoutTable(files: Files, table: string): Files {
  const result = new Map([...files].filter(([path]) => !path.startsWith('drizzle/')))
  const journal: { entries: Entry[] } = JSON.parse(textOf(files, JOURNAL))
  const entries: Entry[] = []
  let prevId = FIRST
  for (const entry of journal.entries) {
    const sql = statementsWithout(textOf(files, `drizzle/${entry.tag}.sql`), table)
    if (sql === '') continue
    const idx = entries.length
    const number = numbered(idx)
    const tag = entry.tag.replace(/^\d+/, number)
    const snapshot: Snapshot = JSON.parse(textOf(files, `drizzle/meta/${numbered(entry.idx)}_snapshot.json`))
    delete snapshot.tables[`public.${table}`]
    result.set(`drizzle/${tag}.sql`, sql)
    result.set(`drizzle/meta/${number}_snapshot.json`, toJson({ ...snapshot, prevId }))
    entries.push({ ...entry, idx, tag })
    prevId = snapshot.id
  }
  result.set(JOURNAL, toJson({ ...journal, entries }))
  return result
}

function statementsWithout(sql: string, table: string): string {
  const statements = sql.split(BREAKPOINT).map(statement => statement.trim())
  const kept = statements.filter(statement => statement !== '' && !statement.includes(`"${table}"`))
  return kept.length === 0 ? '' : `${kept.join(`\n${BREAKPOINT}\n`)}\n`
}

function numbered(index: number): string {
  return String(index).padStart(4, '0')
}

function textOf(files: Files, path: string): string {
  const text = files.get(path)
  if (text === undefined) throw new Error(`the template has no ${path}`)
  return text
}

function toJson(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
