/**
 * Where migrations are and where they go, and the one connection to there.
 */

import { openSession, type Session } from '../../client/single-session.ts'
import { type ConnectionUrl, verifiedUrl } from '../../connection-string/connection-url.ts'
import { deriveDirectUrl } from '../../connection-string/host.ts'
import { redact } from '../../connection-string/redact.ts'
import { PooledHostError } from '../../errors/errors.ts'
import { ignore, type MigrationListener } from '../events.ts'
import { DRIZZLE_LEDGER, type LedgerName } from '../ledger/ledger.ts'
import { takeLock } from '../lock.ts'

export interface MigrationSource {
  /** Of the direct host: a session lock does not hold behind a transaction pooler. */
  url: ConnectionUrl | string | undefined
  /** Folder of the generated migrations, of Drizzle 0.x or 1.0. */
  folder: string
  /** Where applied ones are written down. @default drizzle.__drizzle_migrations, as drizzle-kit */
  ledger?: LedgerName
  /** Longest wait for an answer to what is asked around the migrations, in ms. @default 10 000 */
  answerTimeoutMs?: number
}

export interface ChangeOptions extends MigrationSource {
  /** Longest wait for another run, in ms. @default 300 000 */
  lockWaitMs?: number
  /** Hears what the run does. Must not throw. */
  report?: MigrationListener
}

const APPLICATION_NAME = 'fastify-neon-migrations'
const DEFAULT_ANSWER_TIMEOUT_MS = 10_000
const DEFAULT_LOCK_WAIT_MS = 300_000

/** Throws FST_NEON_URL_INVALID, FST_NEON_POOLED_HOST, and a DatabaseFailure when there is no connection. */
export async function withSession<T>(
  { url: given, ledger = DRIZZLE_LEDGER, answerTimeoutMs = DEFAULT_ANSWER_TIMEOUT_MS }: MigrationSource,
  report: MigrationListener,
  work: (session: Session, ledger: LedgerName) => Promise<T>
): Promise<T> {
  const url = typeof given === 'object' ? given : verifiedUrl(given, 'url')
  if (url.isPooled) throw new PooledHostError(redact(deriveDirectUrl(url.href)))
  const onNotice = (message: string) => report({ type: 'notice', message })
  const session = await openSession({ url, applicationName: APPLICATION_NAME, answerTimeoutMs, onNotice })
  try {
    return await work(session, ledger)
  } finally {
    await session.close()
  }
}

/** Nobody else changes the ledger meanwhile. Throws as `withSession` does, and FST_NEON_MIGRATIONS_LOCKED. */
export function withLockedSession<T>(
  { lockWaitMs: waitMs = DEFAULT_LOCK_WAIT_MS, report = ignore, ...source }: ChangeOptions,
  work: (session: Session, ledger: LedgerName) => Promise<T>
): Promise<T> {
  return withSession(source, report, async (session, ledger) => {
    await takeLock(session.query, {
      waitMs,
      onWaiting: waiting => report({ type: 'waiting', ...waiting })
    })
    return work(session, ledger)
  })
}
