/**
 * The process that loads the code of a project, its drizzle.config.ts and its schema. In one of their own, neither
 * what they print, nor a prompt of drizzle-kit, nor an exit of theirs reaches the lint. The task is its argument.
 */
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { schemaFiles } from './schema-files.ts'

export type SchemaTask =
  | { kind: 'config'; file: string }
  | {
      kind: 'drift'
      schema: string[]
      /** Files: the newest last. */
      snapshots: string[]
      casing: 'camelCase' | 'snake_case' | null
      /** The module of drizzle-kit. */
      kit: string
    }

/** What counts here of the module, of either line; the parts of a promise may be there at once. */
interface Kit {
  generateDrizzleJson(
    imports: Record<string, unknown>,
    before?: string,
    schemas?: undefined,
    casing?: 'camelCase' | 'snake_case'
  ): State | Promise<State>
  generateMigration(before: State, now: State): Promise<string[]>
  /** Of 1.0: from snapshots by the names of their folders. */
  reconstruct(snapshots: Record<string, State>): Promise<State>
}

interface State {
  id: string
  type?: string
}

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
  snapshots,
  casing,
  kit: module
}: Extract<SchemaTask, { kind: 'drift' }>): Promise<string[]> {
  const exported = new Set<unknown>()
  for (const file of schemaFiles(schema, process.cwd())) {
    const module: Record<string, unknown> = await import(pathToFileURL(file).href)
    for (const value of Object.values(module)) exported.add(value)
  }
  const kit: Kit = await import(module)
  // Each once, since a file may pass on what another one has.
  const imports = Object.fromEntries([...exported].map((value, index) => [`${index}`, value]))
  const before = (await readState(kit, snapshots)) ?? (await kit.generateDrizzleJson({}))
  const now = await kit.generateDrizzleJson(imports, before.id, undefined, casing ?? undefined)
  return kit.generateMigration(before, now)
}

async function readState(kit: Kit, files: string[]): Promise<State | undefined> {
  const texts = await Promise.all(files.map(file => readFile(file, 'utf8')))
  const snapshots = texts.map((text): State => JSON.parse(text))
  const newest = snapshots.at(-1)
  if (newest?.type !== 'diff') return newest
  return kit.reconstruct(
    Object.fromEntries(files.map((file, index) => [folderOf(file), snapshots[index] ?? newest]))
  )
}

function folderOf(file: string): string {
  return basename(dirname(file))
}
