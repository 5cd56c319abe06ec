/**
 * Tasks that are being made: each is stored with its Idempotency-Key before it is sent, and sent under it until the outcome is
 * known, over lost answers, a reload of the page and the end of the window.
 */
import { createStore, type Store } from './store.ts'
import type { NewTask, Task } from './types.ts'

export interface PendingTask {
  key: string
  title: string
  notes: string
  /** In ms since 1970. */
  createdAt: number
  /** Why it was not made, and will not be. */
  refusal?: string
}

export interface OutboxOptions {
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
  /** Whose tasks they are: they wait until this user is here. */
  user: string
  /** Resolves when the task is made. Rejects with the reason when it will not be. */
  create(task: NewTask, key: string): Promise<Task>
  /** Two windows do not send the same one. */
  locks: Pick<LockManager, 'request'>
  signal: AbortSignal
  now(): number
  /** Undefined for one that another window has made. */
  onCreated(task: Task | undefined): void
}

export interface Outbox extends Pick<Store<readonly PendingTask[]>, 'get' | 'subscribe'> {
  add(task: { title: string; notes: string }): void
  /** Forgets one that was refused. */
  discard(key: string): void
}

// For so long the service keeps the answer under a key; after that, the same key would make another task.
const KEY_LIFETIME_MS = 24 * 60 * 60_000

export function createOutbox(options: OutboxOptions): Outbox {
  const { storage, user, signal } = options
  const name = `outbox:${user}`
  const entries = createStore<readonly PendingTask[]>(stored())
  for (const entry of entries.get()) void deliver(entry)

  return {
    get: entries.get,
    subscribe: entries.subscribe,
    add(task) {
      const entry = { ...task, key: crypto.randomUUID(), createdAt: options.now() }
      change(before => [entry, ...before])
      void deliver(entry)
    },
    discard: key => change(before => before.filter(entry => entry.key !== key))
  }

  function deliver(entry: PendingTask): Promise<void> {
    // The lock of one window ends with it.
    return options.locks.request(entry.key, { signal }, () => send(entry)).catch(endOfUser)
  }

  async function send({ key, title, notes, createdAt, refusal }: PendingTask): Promise<void> {
    if (refusal !== undefined) return
    // Another window may have made it meanwhile.
    if (!stored().some(entry => entry.key === key)) return settle(key, undefined)
    if (options.now() - createdAt >= KEY_LIFETIME_MS)
      return refuse(key, 'Its outcome is not known: look for it in the list before you make it again.')
    try {
      settle(key, await options.create({ title, notes }, key))
    } catch (error) {
      signal.throwIfAborted()
      refuse(key, error instanceof Error ? error.message : String(error))
    }
  }

  function settle(key: string, task: Task | undefined) {
    change(before => before.filter(entry => entry.key !== key))
    options.onCreated(task)
  }

  function refuse(key: string, refusal: string) {
    change(before => before.map(entry => (entry.key === key ? { ...entry, refusal } : entry)))
  }

  function change(next: (before: readonly PendingTask[]) => readonly PendingTask[]) {
    const after = next(stored())
    if (after.length === 0) storage.removeItem(name)
    else storage.setItem(name, JSON.stringify(after))
    entries.set(after)
  }

  function stored(): PendingTask[] {
    return JSON.parse(storage.getItem(name) ?? '[]')
  }

  /** The entries stay for the next time that the user is here. */
  function endOfUser(error: unknown) {
    if (!signal.aborted) throw error
  }
}
