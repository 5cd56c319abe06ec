/**
 * A value that components read with `useSyncExternalStore`.
 */
export interface Store<T> {
  get(): T
  set(value: T): void
  /** Answers with what ends the subscription. */
  subscribe(listener: () => void): () => void
}

export function createStore<T>(first: T): Store<T> {
  const listeners = new Set<() => void>()
  let value = first
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return
      value = next
      for (const listener of listeners) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    }
  }
}
