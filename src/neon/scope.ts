/**
 * The client as the work of one transaction sees it: for as long as that work lasts, and not while a
 * transaction nested in it is open. A statement at another time would run outside of it, or inside another.
 */
import type { PoolClient } from '@neondatabase/serverless'
import { DatabaseFailure } from './failure.ts'

export interface Scope {
  /** Refuses statements that come at the wrong time. */
  readonly client: PoolClient
  /** Refuses all statements from now on, of nested scopes too. */
  close(): void
  /** One within this one, which takes no statement itself until that is closed. */
  nest(): Scope
  /** Makes a COMMIT impossible: what was undone in part may not be kept in part. */
  doom(failure: DatabaseFailure): void
  readonly doomed: DatabaseFailure | undefined
}

interface Whole {
  isOver: boolean
  doomed: DatabaseFailure | undefined
}

export function createScope(client: PoolClient): Scope {
  const whole: Whole = { isOver: false, doomed: undefined }
  return scopeOf(client, whole, () => {
    whole.isOver = true
  })
}

function scopeOf(target: PoolClient, whole: Whole, onClose: () => void): Scope {
  let isOver = false
  let isCovered = false
  const handler: ProxyHandler<PoolClient> = {
    get(client, name) {
      if (name === 'query') {
        const refusal = refusalNow()
        if (refusal) return async () => Promise.reject(refusal)
      }
      const value: unknown = Reflect.get(client, name)
      return typeof value === 'function' ? value.bind(client) : value
    }
  }
  return {
    client: new Proxy(target, handler),
    close() {
      isOver = true
      onClose()
    },
    nest() {
      const refusal = refusalNow()
      if (refusal) throw refusal
      isCovered = true
      return scopeOf(target, whole, () => {
        isCovered = false
      })
    },
    doom(failure) {
      whole.doomed ??= failure
    },
    get doomed() {
      return whole.doomed
    }
  }

  function refusalNow(): DatabaseFailure | undefined {
    if (isOver || whole.isOver) return new DatabaseFailure('transactionOver')
    if (isCovered) return new DatabaseFailure('transactionCovered')
    return whole.doomed
  }
}
