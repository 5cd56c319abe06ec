/**
 * The connected clients of a pool: which are free, which are too old, and which
 * are not to be trusted any more since one like them was lost.
 */
import type { NeonClient } from '../../client/client.ts'

export interface IdleListOptions {
  idleTimeoutMs: number
  maxLifetimeMs: number
  /** Closes a client that is no longer in the stock. */
  close: (client: NeonClient) => void
  /** From 0 to below 1. @default Math.random */
  random?: () => number
}

interface Entry {
  client: NeonClient
  /** It is closed when it comes back, and not given to anybody. */
  isStale: boolean
  isFree: boolean
  /** Runs on while the client is out, and is started anew when it comes back: to make one for each use costs more. */
  idleTimer: NodeJS.Timeout | undefined
  lifetimeTimer: NodeJS.Timeout
}

export interface IdleList {
  /** Takes in a new client, which is not free yet. */
  add(client: NeonClient): void
  /** The free client that was used last, which is the one most likely to be alive. */
  take(): NeonClient | undefined
  /** The one that `take` would take. */
  readonly next: NeonClient | undefined
  /** Makes a client free that is not stale. */
  put(client: NeonClient): void
  /** Forgets a client; false when it was not here. */
  remove(client: NeonClient): boolean
  /** Closes those that are free now, and lets no other be used again. Returns how many are new to this. */
  evictAll(): number
  /** Lets a client not be used again once it comes back. */
  evict(client: NeonClient): void
  /** True for one that may not be used again, and for one that is not here. */
  isStale(client: NeonClient): boolean
  readonly size: number
  readonly free: number
}

// Connections that were made in one burst must not end in one.
const LIFETIME_JITTER = 0.2

export function createIdleList(options: IdleListOptions): IdleList {
  const { idleTimeoutMs, maxLifetimeMs, close, random = Math.random } = options
  const entries = new Map<NeonClient, Entry>()
  const free: Entry[] = []

  return {
    add(client) {
      const lifetimeMs = maxLifetimeMs * (1 - LIFETIME_JITTER * random())
      const lifetimeTimer = setTimeout(() => expire(entry), lifetimeMs).unref()
      const entry: Entry = { client, isStale: false, isFree: false, idleTimer: undefined, lifetimeTimer }
      entries.set(client, entry)
    },
    take() {
      const entry = free.pop()
      if (entry === undefined) return undefined
      entry.isFree = false
      return entry.client
    },
    put(client) {
      const entry = entries.get(client)
      if (entry === undefined) return
      entry.isFree = true
      if (entry.idleTimer) entry.idleTimer.refresh()
      else entry.idleTimer = setTimeout(() => closeUnused(entry), idleTimeoutMs).unref()
      free.push(entry)
    },
    remove,
    evictAll() {
      const fresh = [...entries.values()].filter(({ isStale }) => !isStale)
      for (const entry of fresh) expire(entry)
      return fresh.length
    },
    evict(client) {
      const entry = entries.get(client)
      if (entry) expire(entry)
    },
    get next() {
      return free.at(-1)?.client
    },
    isStale: client => entries.get(client)?.isStale ?? true,
    get size() {
      return entries.size
    },
    get free() {
      return free.length
    }
  }

  function remove(client: NeonClient) {
    const entry = entries.get(client)
    if (entry === undefined) return false
    entries.delete(client)
    clearTimeout(entry.idleTimer)
    clearTimeout(entry.lifetimeTimer)
    if (entry.isFree) free.splice(free.indexOf(entry), 1)
    return true
  }

  function expire(entry: Entry) {
    entry.isStale = true
    closeUnused(entry)
  }

  function closeUnused(entry: Entry) {
    if (entry.isFree) closeFree(entry)
  }

  function closeFree({ client }: Entry) {
    remove(client)
    close(client)
  }
}
