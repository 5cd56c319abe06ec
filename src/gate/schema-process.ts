/**
 * The process that loads the code of a project, its drizzle.config.ts and its schema. In one of their own, neither
 * what they print, nor a prompt of drizzle-kit, nor an exit of theirs reaches the gate. The task is its argument.
 */
import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { schemaFiles } from './schema-files.ts'

export type SchemaTask =
  | { kind: 'config'; file: string }
  | { kind: 'drift'; schema: string[]; snapshot: string | null; casing: 'camelCase' | 'snake_case' | null }

const [argument = ''] = process.argv.slice(2)
const answer = await carryOut(JSON.parse(argument)).then(
  result => ({ result }),
  (error: Error) => ({ failure: error.message })
)
process.send?.(answer, () => process.exit())

async function carryOut(task: SchemaTask): Promise<unknown> {
  return task.kind === 'config' ? load(task.file) : driftOf(task)
}

/** What a file exports; of a configuration it is the default. */
async function load(file: string): Promise<unknown> {
  const loaded: { default?: unknown } = await import(pathToFileURL(file).href)
  return loaded.default ?? null
}

/** The statements that a migration of today would have. */
async function driftOf({
  schema,
  snapshot,
  casing
}: Extract<SchemaTask, { kind: 'drift' }>): Promise<string[]> {
  const exported = new Set<unknown>()
  for (const file of schemaFiles(schema, process.cwd())) {
    const module: Record<string, unknown> = await import(pathToFileURL(file).href)
    for (const value of Object.values(module)) exported.add(value)
  }
  // After the schema, which fails sooner than this loads.
  const { generateDrizzleJson, generateMigration } = await import('drizzle-kit/api')
  // Each once, since a file may pass on what another one has.
  const imports = Object.fromEntries([...exported].map((value, index) => [`${index}`, value]))
  const before = snapshot === null ? generateDrizzleJson({}) : JSON.parse(await readFile(snapshot, 'utf8'))
  const now = generateDrizzleJson(imports, before.id, undefined, casing ?? undefined)
  return generateMigration(before, now)
}
