/**
 * The client as the work of one transaction sees it: for as long as that work lasts, and not while a
 * transaction nested in it is open. A statement at another time would run outside of it, or inside another.
 * Nested transactions that begin side by side wait for each other, first come, first served.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { PoolClient } from '@neondatabase/serverless'
import type { NeonClient } from '../client/client.ts'
import { DatabaseFailure, toFailure } from '../errors/failure.ts'

export interface Scope {
  /** Refuses statements that come at the wrong time. */
  readonly client: PoolClient
  /** Refuses the statements of the work from now on. With a nested scope still open nothing can be committed. */
  close(): void
  /** Lets the scope around this one take statements again. */
  end(): void
  /** Sends a statement that belongs to this scope and not to its work, so also when it is closed. */
  send(text: string): Promise<void>
  /**
   * One within this one, which takes no statement itself until that has ended. Waits for those that were nested before;
   * refused inside one of them, which would wait for itself.
   */
  nest(): Promise<Scope>
  /** Runs the work of a nested one, so that what it nests here is known to come from inside. */
  runNested<T>(work: () => Promise<T>): Promise<T>
  /** Makes a COMMIT impossible: what was undone in part may not be kept in part. */
  doom(failure: DatabaseFailure): void
  /** Why no COMMIT is possible, where none is. */
  doomedBy(): DatabaseFailure | undefined
}

interface Whole {
  isOver: boolean
  doomed: DatabaseFailure | undefined
}

/** The scopes of which nested work is being run. */
const withOpenNested = new AsyncLocalStorage<readonly object[]>()

/** A client with a transaction open. */
type ClientInTransaction = PoolClient & Pick<NeonClient, 'isInTransaction'>

export function createScope(client: ClientInTransaction): Scope {
  const whole: Whole = { isOver: false, doomed: undefined }
  return scopeOf(client, whole, {
    onClose: () => {
      whole.isOver = true
    }
  })
}

interface Turns {
  onClose?: () => void
  onEnd?: () => void
}

function scopeOf(
  target: ClientInTransaction,
  whole: Whole,
  { onClose = ignore, onEnd = ignore }: Turns
): Scope {
  let isOver = false
  let hasOpenNested = false
  const line: { begin(): void; refuse(failure: DatabaseFailure): void }[] = []
  const handler: ProxyHandler<ClientInTransaction> = {
    get(client, name) {
      if (name === 'query') {
        const refusal = refusalNow()
        if (refusal) return async () => Promise.reject(refusal)
      }
      const value: unknown = Reflect.get(client, name)
      return typeof value === 'function' ? value.bind(client) : value
    }
  }
  const scope: Scope = {
    client: new Proxy(target, handler),
    close() {
      isOver = true
      if (hasOpenNested) whole.doomed ??= new DatabaseFailure('nestedTransactionOpen')
      for (const { refuse } of line.splice(0)) refuse(new DatabaseFailure('transactionOver'))
      onClose()
    },
    end() {
      isOver = true
      onEnd()
    },
    async send(text) {
      const refusal = refusalOf(whole.isOver)
      if (refusal) throw refusal
      await target.query(text).catch((error: unknown) => {
        throw toFailure(error, 'statement')
      })
    },
    async nest() {
      const refusal =
        hasOpenNested && !isInsideNested() ? refusalOf(isOver || whole.isOver, false) : refusalNow()
      if (refusal) throw refusal
      if (hasOpenNested) await turn()
      hasOpenNested = true
      return scopeOf(target, whole, { onEnd: beginNext })
    },
    runNested: work => withOpenNested.run([...(withOpenNested.getStore() ?? []), scope], work),
    doom(failure) {
      whole.doomed ??= failure
    },
    doomedBy: () => whole.doomed
  }
  return scope

  /** The one that is open waits for this work, so this work must not wait for that one. */
  function isInsideNested(): boolean {
    return withOpenNested.getStore()?.includes(scope) ?? false
  }

  function turn(): Promise<void> {
    return new Promise((begin, refuse) => line.push({ begin, refuse }))
  }

  /** No other statement comes between. What has changed meanwhile is found by the SAVEPOINT. */
  function beginNext() {
    const next = line.shift()
    hasOpenNested = next !== undefined
    next?.begin()
  }

  function refusalNow() {
    return refusalOf(isOver || whole.isOver)
  }

  function refusalOf(isAfterEnd: boolean, isNestedOpen = hasOpenNested): DatabaseFailure | undefined {
    // The work itself may have sent a COMMIT or ROLLBACK.
    if (isAfterEnd || !target.isInTransaction) return new DatabaseFailure('transactionOver')
    if (isNestedOpen) return new DatabaseFailure('nestedTransactionOpen')
    return whole.doomed
  }
}

function ignore() {}
