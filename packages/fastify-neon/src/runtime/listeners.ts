/**
 * Calls listeners of the application. What one throws, or rejects with, is a warning of the process, once for each
 * kind of event: it must neither fail a statement, leak a client nor end the process.
 */
interface Emitter {
  listenerCount(event: string | symbol): number
  rawListeners(event: string | symbol): CallableFunction[]
}

/** What was warned of, for each emitter. */
const warned = new WeakMap<object, Set<string>>()

/** As `emitter.emit(event, …values)`, but each listener is called, whatever the one before has thrown. */
export function emitContained(emitter: Emitter, event: string | symbol, values: unknown[]): boolean {
  if (emitter.listenerCount(event) === 0) return false
  const what = `listener of ${String(event)}`
  for (const listener of emitter.rawListeners(event))
    callContained(emitter, what, () => Reflect.apply(listener, emitter, values))
  return true
}

/** `what` is called for `owner`, and names itself in the warning. */
export function callContained(owner: object, what: string, call: () => unknown): void {
  try {
    const outcome = call()
    if (outcome instanceof Promise) outcome.catch(error => warn(owner, what, error))
  } catch (error) {
    warn(owner, what, error)
  }
}

/** Once for each `what` of `owner`. */
export function warn(owner: object, what: string, error: unknown) {
  const told = warned.get(owner) ?? new Set()
  warned.set(owner, told)
  if (told.has(what)) return
  told.add(what)
  process.emitWarning(error instanceof Error ? error : `a ${what} threw`)
}
