/**
 * Whether the schema in the code is the one that the migrations make, as drizzle-kit sees both.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { MigrationFinding } from 'fastify-neon/migration-files'
import type { SchemaTask } from './schema-process.ts'

export interface DriftOptions {
  /** Files, folders and globs, from the working directory. */
  schema: string[]
  casing?: 'camelCase' | 'snake_case' | undefined
  /** The newest migration, and the files of its snapshot and, of Drizzle 1.0, of those before; of an empty journal there is none. */
  newest?: { name: string; snapshots: string[]; hasFolder?: boolean | undefined } | undefined
  /** The module of drizzle-kit that compares. @default that of the drizzle-kit beside this package */
  kit?: string
  timeoutMs?: number
}

const findKit0 = () => import.meta.resolve('drizzle-kit/api')
const findKit1 = () => import.meta.resolve('drizzle-kit/api-postgres')
const PROCESS = fileURLToPath(new URL(`./schema-process${import.meta.url.slice(-3)}`, import.meta.url))
// The schema is TypeScript, which not every Node.js that is supported runs.
const LOADER = import.meta.resolve('tsx')
const Answer = Type.Union([Type.Object({ result: Type.Unknown() }), Type.Object({ failure: Type.String() })])
const Statements = Type.Array(Type.String())

// A schema takes a second or two; one that waits for something would wait for ever.
const TIMEOUT_MS = 60_000

// The words of drizzle-kit, in place of the question whether something was renamed.
const RENAMED =
  'something was taken out and something added, or it was renamed: drizzle-kit does not know which'
const AT_A_TERMINAL = 'run npx drizzle-kit generate at a terminal, where it asks'
const QUESTION = /^Interactive prompts require a TTY/

/** Throws when the schema cannot be loaded, or drizzle-kit fails. */
export async function findDrift({
  schema,
  casing,
  newest,
  kit = findKit(newest?.hasFolder),
  timeoutMs
}: DriftOptions): Promise<MigrationFinding[]> {
  const migration = newest?.name ?? 'none'
  const snapshots = newest?.snapshots ?? []
  const answer = await ask({ kind: 'drift', schema, snapshots, casing: casing ?? null, kit }, timeoutMs)
  if ('failure' in answer) {
    if (!QUESTION.test(answer.failure)) throw new Error(`the schema cannot be compared: ${answer.failure}`)
    return [{ kind: 'drift', migration, message: RENAMED, fix: AT_A_TERMINAL }]
  }
  return Value.Parse(Statements, answer.result).map(statement => ({
    kind: 'drift',
    migration,
    message: `not in any migration: ${statement}`
  }))
}

/** That of 0.x does not read snapshots of 1.0. */
function findKit(hasFolder = false): string {
  const [found] = (hasFolder ? [findKit1] : [findKit0, findKit1]).flatMap(resolved)
  if (found !== undefined) return found
  throw new Error(
    'the schema cannot be compared: the folder is of Drizzle 1.0, and drizzle-kit 1.0 is not installed'
  )
}

function resolved(find: () => string): string[] {
  try {
    return [find()]
  } catch {
    return []
  }
}

/** What drizzle.config.ts exports. Throws when it cannot be loaded. */
export async function loadConfiguration(file: string, timeoutMs?: number): Promise<unknown> {
  const answer = await ask({ kind: 'config', file }, timeoutMs)
  if ('failure' in answer) throw new Error(`${file} cannot be loaded: ${answer.failure}`)
  return answer.result
}

async function ask(task: SchemaTask, timeout = TIMEOUT_MS) {
  // drizzle-kit before the loader, which would spend two seconds on turning its JavaScript into JavaScript.
  const imports = task.kind === 'drift' ? [task.kit, LOADER] : [LOADER]
  const child = fork(PROCESS, [JSON.stringify(task)], {
    execArgv: imports.map(url => `--import=${url}`),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    timeout
  })
  let answer: unknown
  let printed = ''
  child.on('message', message => {
    answer = message
  })
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk
    })
  const [status] = await once(child, 'close')
  if (Value.Check(Answer, answer)) return answer
  const end = status === null ? `it took more than ${timeout} ms` : `it ended with ${status}`
  return { failure: `${end}\n${printed}`.trim() }
}
