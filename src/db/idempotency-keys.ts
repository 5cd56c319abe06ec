/**
 * Queries on idempotency keys. They run in the transaction of the work they guard, so that an
 * answer is stored if and only if the work is.
 */
import { and, eq, gt, lte, sql } from 'drizzle-orm'
import type { Executor } from './executor.ts'
import { idempotencyKeys, type KeptHeaders } from './schema/idempotency-keys.ts'

export interface IdempotencyKey {
  owner: string
  key: string
}

export interface StoredAnswer {
  fingerprint: string
  status: number
  headers: KeptHeaders
  body: string | null
}

export interface Claim {
  /** False while another transaction works under this key. */
  isOurs: boolean
  /** What was answered under this key. */
  answer: StoredAnswer | undefined
}

/** Published in docs/reference/errors.md; a client gives up long before. */
const KEPT_FOR = sql`interval '24 hours'`

// Each answer that is stored makes room for as many, so that the table shrinks to what is
// kept, and no timer has to wake a sleeping database.
const MAX_EXPIRED = 20

/** Until the end of the transaction nobody else gets this key. Does not wait. */
export async function claimKey(tx: Executor, { owner, key }: IdempotencyKey): Promise<Claim> {
  const name = JSON.stringify(['idempotency-key', owner, key])
  const { rows } = await tx.execute<{ ours: boolean }>(
    sql`select pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) as ours`
  )
  // A statement of its own: its snapshot is later than the lock, so it sees what the last
  // holder has committed.
  const { fingerprint, status, headers, body, expiresAt } = idempotencyKeys
  const [answer] = await tx
    .select({ fingerprint, status, headers, body })
    .from(idempotencyKeys)
    .where(and(eq(idempotencyKeys.owner, owner), eq(idempotencyKeys.key, key), gt(expiresAt, sql`now()`)))
  return { isOurs: rows.every(({ ours }) => ours), answer }
}

/** False when there is an answer under this key: then the work must not be committed. */
export async function storeAnswer(
  tx: Executor,
  { owner, key }: IdempotencyKey,
  answer: StoredAnswer
): Promise<boolean> {
  const expiresAt = sql`now() + ${KEPT_FOR}`
  const stored = await tx
    .insert(idempotencyKeys)
    .values({ owner, key, ...answer, expiresAt })
    .onConflictDoUpdate({
      target: [idempotencyKeys.owner, idempotencyKeys.key],
      set: { ...answer, expiresAt },
      setWhere: lte(idempotencyKeys.expiresAt, sql`now()`)
    })
    .returning({ key: idempotencyKeys.key })
  await deleteExpired(tx)
  return stored.length > 0
}

/** Of all owners, which nobody but this function of the database may. Passes over what another transaction holds. */
function deleteExpired(tx: Executor) {
  return tx.execute(sql`select app.delete_expired_keys(${MAX_EXPIRED})`)
}
