/**
 * Applies the generated migrations: on one connection to the direct host, under
 * a lock that keeps concurrent runs apart, in drizzle-kit's own ledger.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { drizzle, type NeonDatabase } from 'drizzle-orm/neon-serverless'
import { migrate } from 'drizzle-orm/neon-serverless/migrator'
import { MigrationSkippedError, PooledHostError } from '../errors.ts'
import { clientConfig, NeonClient } from './client.ts'
import type { ConnectionUrl } from './connection-url.ts'
import { within } from './deadline.ts'
import { DatabaseFailure, toFailure } from './failure.ts'
import { closeSockets, createSocketRegister } from './socket.ts'

export interface MigrationOptions {
  /** The direct host: a session lock does not hold behind a transaction pooler. */
  url: ConnectionUrl
  /** Folder of the generated migrations, with `meta/_journal.json`. */
  folder: string
  /** Longest wait for another run that holds the lock, in ms. @default 60 000 */
  lockTimeoutMs?: number
  /** Longest wait for an answer to what is asked around the migrations, in ms. @default 10 000 */
  answerTimeoutMs?: number
}

export interface MigrationRun {
  /** Names of those this run applied, in order. */
  applied: string[]
  /** How many there are in the folder. */
  total: number
}

interface Journal {
  entries: { tag: string; when: number }[]
}

// A wake included; the same as the pool's.
const CONNECT_TIMEOUT_MS = 15_000
// A statement that waits for a lock blocks everything behind it on that table.
const STATEMENT_LOCK_TIMEOUT_MS = 10_000
const DEFAULT_LOCK_TIMEOUT_MS = 60_000
const CLOSE_TIMEOUT_MS = 1000
const DEFAULT_ANSWER_TIMEOUT_MS = 10_000
const SETTINGS = { application_name: 'fastify-neon-migrations', connectionTimeoutMillis: CONNECT_TIMEOUT_MS }

// Any number will do, as long as every run of this project takes the same one.
const LOCK_KEY = 7_166_341_970

/**
 * Throws FST_NEON_POOLED_HOST, a DatabaseFailure when there is no connection, what the server answered when a
 * migration fails, and FST_NEON_MIGRATION_SKIPPED when drizzle-kit's ledger leaves one out for ever.
 */
export async function applyMigrations(options: MigrationOptions): Promise<MigrationRun> {
  const {
    url,
    folder,
    lockTimeoutMs = DEFAULT_LOCK_TIMEOUT_MS,
    answerTimeoutMs = DEFAULT_ANSWER_TIMEOUT_MS
  } = options
  if (url.isPooled) throw new PooledHostError()
  const { entries } = await readJournal(folder)
  const sockets = createSocketRegister({ handshakeTimeoutMs: CONNECT_TIMEOUT_MS, secure: url.secure })
  const client = new NeonClient(clientConfig(url, SETTINGS), { url, sockets })
  try {
    await client.connect().catch(failToConnect)
    await answered(lock(client, lockTimeoutMs), lockTimeoutMs + answerTimeoutMs)
    const db = drizzle({ client })
    const before = await answered(appliedTimes(db), answerTimeoutMs)
    await migrate(db, { migrationsFolder: folder })
    const after = await answered(appliedTimes(db), answerTimeoutMs)
    refuseSkipped(entries.filter(({ when }) => !after.has(when)))
    const applied = entries.filter(({ when }) => !before.has(when)).map(({ tag }) => tag)
    return { applied, total: entries.length }
  } finally {
    // The lock goes with the session. Without a connection the driver would wait for ever.
    await within(CLOSE_TIMEOUT_MS, client.end())
    await closeSockets(sockets.open, CLOSE_TIMEOUT_MS)
  }
}

async function lock(client: NeonClient, lockTimeoutMs: number) {
  await client.query(`SET lock_timeout = ${lockTimeoutMs}`)
  await client.query('SELECT pg_advisory_lock($1)', [LOCK_KEY])
  await client.query(`SET lock_timeout = ${STATEMENT_LOCK_TIMEOUT_MS}`)
}

/** A migration may take long; what is asked around it may not. */
async function answered<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  // The loser of the race may still fail, when the client ends.
  answer.catch(ignore)
  await within(timeoutMs, answer)
  return Promise.race([answer, Promise.reject(new DatabaseFailure('timeout'))])
}

function ignore() {}

/** Drizzle applies only what is newer than the newest applied one, and says nothing of the rest. */
function refuseSkipped(skipped: { tag: string }[]) {
  if (skipped.length > 0) throw new MigrationSkippedError(skipped.map(({ tag }) => tag).join(', '))
}

async function readJournal(folder: string): Promise<Journal> {
  return JSON.parse(await readFile(join(folder, 'meta', '_journal.json'), 'utf8'))
}

function failToConnect(error: unknown): never {
  throw toFailure(error, 'connect')
}

/** The ledger's `created_at`, which holds the journal's `when`. */
async function appliedTimes(db: NeonDatabase): Promise<Set<number>> {
  const {
    rows: [ledger]
  } = await db.execute<{ exists: boolean }>(
    sql`select to_regclass('drizzle.__drizzle_migrations') is not null as exists`
  )
  if (!ledger?.exists) return new Set()
  const { rows } = await db.execute<{ created_at: string }>(
    sql`select created_at from drizzle.__drizzle_migrations`
  )
  return new Set(rows.map(row => Number(row.created_at)))
}
