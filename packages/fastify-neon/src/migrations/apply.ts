/**
 * Applies a migration: in a transaction, together with its row in the ledger; or, when it asks for none,
 * statement by statement, so that a run that is ended in the middle can be taken up.
 */
import { ignore } from './events.ts'
import type { Migration } from './files/folder.ts'
import { isCarriedOut, stateOfIndex } from './files/indexes.ts'
import { isConcurrent, mayCommit, type Statement } from './files/statements.ts'
import { isInLedger, writeToLedger } from './ledger/ledger.ts'
import {
  clearProgress,
  createProgress,
  isProgressOf,
  keyOf,
  readProgress,
  writeProgress
} from './ledger/progress.ts'
import { type Attempt, execute, inTransaction, type Run, settle } from './transaction.ts'

/** All of them, or none. Names of those that were applied: drizzle-kit may have been quicker with the rest. */
export async function applyTogether(run: Run, migrations: [Migration, ...Migration[]]): Promise<string[]> {
  const { session, ledger, report } = run
  const durations = new Map<string, number>()
  const attempt: Attempt = { migration: migrations[0], remains: 'rolled-back' }
  await settle(run)
  await inTransaction(run, attempt, async () => {
    for (const migration of migrations) {
      const startedAt = performance.now()
      attempt.migration = migration
      if (await isInLedger(session.query, ledger, migration)) continue
      report({ type: 'started', migration: migration.name })
      for (const statement of migration.statements)
        await execute(run, { migration, statement, remains: 'rolled-back' })
      await writeToLedger(session.query, ledger, migration)
      durations.set(migration.name, performance.now() - startedAt)
    }
  })
  for (const [migration, durationMs] of durations) report({ type: 'applied', migration, durationMs })
  return [...durations.keys()]
}

/** One with `-- fastify-neon:no-transaction`. */
export async function applyStepwise(run: Run, migration: Migration): Promise<string[]> {
  const { session, ledger, report } = run
  const { query } = session
  const startedAt = performance.now()
  await createProgress(query, ledger)
  await settle(run)
  const { done, isBegun } = await takeUp(run, migration)
  for (const [index, statement] of migration.statements.entries()) {
    if (index >= done) await step(run, { migration, statement, index, mayBeDone: isBegun && index === done })
    // What was set went with the session that set it.
    else if ('VariableSetStmt' in statement.node)
      await execute(run, { migration, statement, remains: 'interrupted' })
  }
  await inTransaction(run, { migration, remains: 'interrupted' }, async () => {
    await writeToLedger(query, ledger, migration)
    await clearProgress(query, ledger, keyOf(migration))
  })
  report({ type: 'applied', migration: migration.name, durationMs: performance.now() - startedAt })
  return [migration.name]
}

async function takeUp({ session, ledger, report }: Run, migration: Migration) {
  const { name, statements } = migration
  const stopped = await readProgress(session.query, ledger)
  const progress = stopped.find(one => isProgressOf(migration, one))
  if (progress === undefined) {
    report({ type: 'started', migration: name })
    return { done: 0, isBegun: false }
  }
  const line = statements.slice(0, progress.done + 1).at(-1)?.line
  report({ type: 'resumed', migration: name, line })
  return progress
}

interface Step {
  migration: Migration
  statement: Statement
  /** Of the statement, from 0. */
  index: number
  /** A run was ended while it was under way. */
  mayBeDone: boolean
}

async function step(run: Run, { migration, statement, index, mayBeDone }: Step): Promise<void> {
  const { query } = run.session
  const note = (done: number, isBegun: boolean) =>
    writeProgress(query, run.ledger, { ...migration, done, isBegun })
  const work = () => execute(run, { migration, statement, remains: 'interrupted' })

  if (!mayCommit(statement)) {
    await inTransaction(run, { migration, remains: 'interrupted' }, async () => {
      await work()
      await note(index + 1, false)
    })
    return
  }
  if (!mayBeDone || !(await isCarriedOut(query, statement)))
    await withoutLockTimeout(run, statement, async () => {
      await dropInvalidIndex(run, migration, statement)
      await note(index, true)
      // What failed is not done; where the connection is gone nobody knows, and the note stays.
      await work().catch(error =>
        note(index, false)
          .catch(ignore)
          .then(() => Promise.reject(error))
      )
    })
  await note(index + 1, false)
}

/** IF NOT EXISTS would take it for one that is whole. */
async function dropInvalidIndex(run: Run, migration: Migration, statement: Statement) {
  const index = await stateOfIndex(run.session.query, statement)
  if (index === undefined || index.isValid) return
  run.report({ type: 'invalid-index-dropped', migration: migration.name, index: index.name })
  const drop = { ...statement, sql: `DROP INDEX CONCURRENTLY ${index.name}` }
  await execute(run, { migration, statement: drop, remains: 'interrupted' })
}

/** CONCURRENTLY waits for the transactions of others while it blocks none of them. */
async function withoutLockTimeout(
  { session, lockTimeoutMs }: Run,
  statement: Statement,
  work: () => Promise<void>
) {
  if (!isConcurrent(statement)) return work()
  await session.execute('SET lock_timeout = 0', 0)
  await work()
  await session.execute(`SET lock_timeout = ${lockTimeoutMs}`, 0)
}
