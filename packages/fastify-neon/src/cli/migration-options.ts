/**
 * What the commands of migrations are asked for: flags, and the connection string of the environment.
 */
import { parseArgs } from 'node:util'
import { type ConnectionUrl, verifyConnectionUrl } from '../connection-string/connection-url.ts'
import { errorsOf } from '../connection-string/findings.ts'
import { deriveDirectUrl } from '../connection-string/host.ts'
import type {
  LedgerName,
  MarkOptions,
  MigrationOptions,
  MigrationSource,
  RepairOptions
} from '../migrations/migrations.ts'
import { messageOf } from './migration-report.ts'
import { UsageError } from './usage-error.ts'

const TEXT = { type: 'string' } as const
const SWITCH = { type: 'boolean', default: false } as const

// `config` is read before (drizzle-config.ts), and gives the others.
const SOURCE_FLAGS = {
  config: TEXT,
  folder: { ...TEXT, default: 'drizzle' },
  ledger: TEXT,
  json: SWITCH,
  help: SWITCH
}

const SOURCE_USAGE = `  --config FILE               configuration of drizzle-kit. Default: drizzle.config.ts, .js, .mjs, .cjs or .json
  --folder DIR                where drizzle-kit writes migrations. Default: as the configuration says, or drizzle
  --ledger SCHEMA.TABLE       Default: as the configuration says, or drizzle.__drizzle_migrations
  --json                      one JSON document in place of lines`

const CONNECTION_USAGE = `The direct connection string is DATABASE_URL_UNPOOLED, or derived from DATABASE_URL, or from dbCredentials.url of the
configuration. Variables may be in the file .env.`

export const MIGRATE_USAGE = `npx fastify-neon migrate [options]

  --dry-run                   print the SQL that is pending, and change nothing
  --single-transaction        all that are pending in one transaction, in place of one each
  --apply-late                also those that are older than the newest applied one
  --lock-wait-ms N            longest wait for another run. Default: 300000
  --lock-timeout-ms N         longest wait of a statement for a lock on a table. Default: 10000
  --statement-timeout-ms N    longest time of one statement; 0 is none. Default: 300000
${SOURCE_USAGE}

${CONNECTION_USAGE}`

export const STATUS_USAGE = `npx fastify-neon status [options]

${SOURCE_USAGE}

${CONNECTION_USAGE}`

export const MARK_USAGE = `npx fastify-neon mark-applied NAME... [options]

Writes to the ledger that these migrations are applied, as drizzle-kit would, once it was seen that the tables,
columns, indexes, enums and policies of their snapshots are in the database.

  --baseline                  all that are pending, in place of names
  --dry-run                   compare, and write nothing
  --unchecked                 also those that leave nothing to compare, such as an INSERT: look before
  --from-ledger SCHEMA.TABLE  another ledger, whose row of a migration is proof enough
${SOURCE_USAGE}

${CONNECTION_USAGE}`

export const REPAIR_USAGE = `npx fastify-neon repair [options]

Makes the journal and the ledger agree again: times that lie ahead, do not rise or were changed, files or folders that
were renamed, rows that are there twice. It runs no migration, and marks none as applied.

  --dry-run                   print what would be done
  --start-over                forget what is applied, when no table of the folder is left
  --forget-unknown            take out of the ledger what no file of the folder explains, as when a migration was
                              deleted. What it made stays in the database. Not for a ledger that another folder
                              or branch uses. See first with --dry-run
${SOURCE_USAGE}

${CONNECTION_USAGE}`

export interface MigrateCommand {
  options: MigrationOptions
  isDryRun: boolean
  isJson: boolean
}

/** Undefined when only the usage is wanted. Throws UsageError. */
export function readMigrateCommand(args: string[], env: NodeJS.ProcessEnv): MigrateCommand | undefined {
  const values = parse(args, {
    ...SOURCE_FLAGS,
    'dry-run': SWITCH,
    'single-transaction': SWITCH,
    'apply-late': SWITCH,
    'lock-wait-ms': TEXT,
    'lock-timeout-ms': TEXT,
    'statement-timeout-ms': TEXT
  })
  if (values.help) return undefined
  const limits = {
    lockWaitMs: milliseconds('--lock-wait-ms', values['lock-wait-ms']),
    lockTimeoutMs: milliseconds('--lock-timeout-ms', values['lock-timeout-ms']),
    statementTimeoutMs: milliseconds('--statement-timeout-ms', values['statement-timeout-ms'])
  }
  return {
    options: {
      ...sourceOf(values, env),
      ...limits,
      singleTransaction: values['single-transaction'],
      applyLate: values['apply-late']
    },
    isDryRun: values['dry-run'],
    isJson: values.json
  }
}

export interface StatusCommand {
  source: MigrationSource
  isJson: boolean
}

/** Undefined when only the usage is wanted. Throws UsageError. */
export function readStatusCommand(args: string[], env: NodeJS.ProcessEnv): StatusCommand | undefined {
  const values = parse(args, SOURCE_FLAGS)
  return values.help ? undefined : { source: sourceOf(values, env), isJson: values.json }
}

export interface MarkCommand {
  options: MarkOptions
  isJson: boolean
}

/** Undefined when only the usage is wanted. Throws UsageError. */
export function readMarkCommand(args: string[], env: NodeJS.ProcessEnv): MarkCommand | undefined {
  const { values, positionals } = parseAll(
    args,
    {
      ...SOURCE_FLAGS,
      baseline: SWITCH,
      'dry-run': SWITCH,
      unchecked: SWITCH,
      'from-ledger': TEXT
    },
    true
  )
  if (values.help) return undefined
  if (values.baseline === positionals.length > 0)
    throw new UsageError('name the migrations, or all that are pending by --baseline')
  const from = values['from-ledger']
  return {
    options: {
      ...sourceOf(values, env),
      names: values.baseline ? undefined : positionals,
      dryRun: values['dry-run'],
      unchecked: values.unchecked,
      fromLedger: from === undefined ? undefined : ledgerNamed(from, '--from-ledger')
    },
    isJson: values.json
  }
}

export interface RepairCommand {
  options: RepairOptions
  isJson: boolean
}

/** Undefined when only the usage is wanted. Throws UsageError. */
export function readRepairCommand(args: string[], env: NodeJS.ProcessEnv): RepairCommand | undefined {
  const values = parse(args, {
    ...SOURCE_FLAGS,
    'dry-run': SWITCH,
    'start-over': SWITCH,
    'forget-unknown': SWITCH
  })
  if (values.help) return undefined
  const options = {
    ...sourceOf(values, env),
    dryRun: values['dry-run'],
    startOver: values['start-over'],
    forgetUnknown: values['forget-unknown']
  }
  return { options, isJson: values.json }
}

/** Of each flag. */
type Values<F extends Flags> = ReturnType<typeof parseArgs<{ args: string[]; options: F }>>['values']
type Flags = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>

/** Throws UsageError. */
export function parse<const F extends Flags>(args: string[], options: F): Values<F> {
  return parseAll(args, options, false).values
}

function parseAll<const F extends Flags>(args: string[], options: F, allowPositionals: boolean) {
  try {
    return parseArgs({ args, options, allowPositionals })
  } catch (error) {
    throw new UsageError(messageOf(error))
  }
}

function sourceOf(
  { folder, ledger }: { folder: string; ledger?: string | undefined },
  env: NodeJS.ProcessEnv
): MigrationSource {
  return { url: directUrl(env), folder, ...(ledger !== undefined && { ledger: ledgerNamed(ledger) }) }
}

function ledgerNamed(text: string, flag = '--ledger'): LedgerName {
  const [schema = '', table = '', ...others] = text.split('.')
  if (schema !== '' && table !== '' && others.length === 0) return { schema, table }
  throw new UsageError(
    `${flag} must be a schema and a table, such as drizzle.__drizzle_migrations, and not ${text}`
  )
}

// The most that Postgres takes for a timeout.
const MAX_MS = 2_147_483_647

export function milliseconds(flag: string, text: string | undefined): number | undefined {
  if (text === undefined || (/^\d+$/.test(text) && Number(text) <= MAX_MS))
    return text === undefined ? text : Number(text)
  throw new UsageError(`${flag} must be a whole number of milliseconds, and not ${text}`)
}

function directUrl(env: NodeJS.ProcessEnv): ConnectionUrl {
  const { DATABASE_URL, DATABASE_URL_UNPOOLED } = env
  const variable = DATABASE_URL_UNPOOLED ? 'DATABASE_URL_UNPOOLED' : 'DATABASE_URL'
  const value = DATABASE_URL_UNPOOLED ? DATABASE_URL_UNPOOLED : DATABASE_URL && deriveDirectUrl(DATABASE_URL)
  return verifiedConnection(value, variable)
}

/** Throws an error that names everything that is wrong, with what to do. */
export function verifiedConnection(value: string | undefined, variable: string): ConnectionUrl {
  const { connection, findings } = verifyConnectionUrl(value, { variable })
  if (connection) return connection
  throw new Error(
    errorsOf(findings)
      .map(({ message, fix }) => `${message}\n  ${fix}`)
      .join('\n')
  )
}
