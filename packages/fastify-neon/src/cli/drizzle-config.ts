/**
 * The configuration of drizzle-kit in the project: where its migrations are, their ledger, and the database. It is
 * looked for where the command is started, and read as drizzle-kit reads it.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { redact } from '../connection-string/redact.ts'
import { messageOf } from './migration-report.ts'
import { type Terminal, toJson } from './terminal.ts'
import { UsageError } from './usage-error.ts'

// Of all that drizzle-kit takes, what counts here.
const Configuration = Type.Object({
  dialect: Type.Optional(Type.Literal('postgresql')),
  out: Type.Optional(Type.String()),
  migrations: Type.Optional(
    Type.Object({ schema: Type.Optional(Type.String()), table: Type.Optional(Type.String()) })
  ),
  dbCredentials: Type.Optional(Type.Object({ url: Type.Optional(Type.String()) }))
})

const USUAL_FILES = ['ts', 'js', 'mjs', 'cjs', 'json'].map(ending => `drizzle.config.${ending}`)

type Command = (args: string[], terminal: Terminal) => Promise<number>

/** The command, with what the configuration says in place of flags and a connection string that are not given. */
export function configured(command: Command): Command {
  return async (args, terminal) => {
    const { config, folder, ledger, help } = flagsAmong(args)
    const isTold = config === undefined && folder !== undefined && ledger !== undefined
    if (help || isTold) return command(args, terminal)
    try {
      const { flags, url } = await readConfiguration(config)
      return await command([...flags, ...args], { ...terminal, env: withUrl(terminal.env, url) })
    } catch (error) {
      return fail(error, args, terminal)
    }
  }
}

/** Whatever else there is, which is the command's to judge. */
function flagsAmong(args: string[]) {
  const text = { type: 'string' } as const
  const options = { config: text, folder: text, ledger: text, help: { type: 'boolean' } } as const
  const { config, ...values } = parseArgs({ args, options, strict: false }).values
  return { ...values, config: typeof config === 'string' ? config : undefined }
}

function withUrl(env: NodeJS.ProcessEnv, url: string | undefined): NodeJS.ProcessEnv {
  return env.DATABASE_URL || env.DATABASE_URL_UNPOOLED || !url ? env : { ...env, DATABASE_URL: url }
}

function fail(error: unknown, args: string[], { print, printError }: Terminal): number {
  const exitCode = error instanceof UsageError ? 2 : 1
  const message = redact(messageOf(error))
  if (args.includes('--json')) print(toJson({ error: message, exitCode }))
  else printError(message)
  return exitCode
}

/**
 * Reads `asked`, or the first of the usual files in the working directory, if there is one. Throws UsageError for a file
 * that is not there, or is none for Postgres; and what the file throws.
 */
async function readConfiguration(asked: string | undefined): Promise<{ flags: string[]; url?: string }> {
  const file = asked ?? USUAL_FILES.find(name => existsSync(name))
  if (file === undefined) return { flags: [] }
  if (!existsSync(file)) throw new UsageError(`there is no ${file}`)
  const configuration = await load(resolve(file)).catch((error: unknown) => {
    throw new Error(unreadable(file, messageOf(error)))
  })
  if (!Value.Check(Configuration, configuration))
    throw new UsageError(`${file} has no configuration of drizzle-kit for the dialect postgresql`)
  const { out, migrations, dbCredentials } = configuration
  const { schema = 'drizzle', table = '__drizzle_migrations' } = migrations ?? {}
  const flags = ['--ledger', `${schema}.${table}`, ...(out === undefined ? [] : ['--folder', out])]
  return { flags, ...(dbCredentials?.url !== undefined && { url: dbCredentials.url }) }
}

function unreadable(file: string, reason: string): string {
  return `${file} cannot be read: ${reason}
  Install what it imports (and tsx, for TypeScript before Node.js 22.18), or name what it says by --folder and --ledger`
}

async function load(file: string): Promise<unknown> {
  if (file.endsWith('.json')) return JSON.parse(await readFile(file, 'utf8'))
  const { href } = pathToFileURL(file)
  return exportOf(
    file.endsWith('ts') ? await import(href).catch(error => loadByTsx(file, error)) : await import(href)
  )
}

/** By tsx, as drizzle-kit does, for a Node.js that reads no TypeScript, or not all of it. */
function loadByTsx(file: string, error: unknown): unknown {
  const project = createRequire(file)
  for (const parent of [() => file, () => project.resolve('drizzle-kit')]) {
    const tsx = attempt(() => createRequire(parent())('tsx/cjs/api'))
    if (tsx) return tsx.require(file, file)
  }
  throw error
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

/** The default, also of what was compiled to CommonJS. */
function exportOf(module: unknown): unknown {
  return hasDefault(module) ? exportOf(module.default) : module
}

function hasDefault(module: unknown): module is { default: unknown } {
  return typeof module === 'object' && module !== null && 'default' in module
}
