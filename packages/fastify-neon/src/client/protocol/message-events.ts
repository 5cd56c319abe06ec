/**
 * The events of the driver's connection, of which each message of the server is one. Its emitter copies arguments and listeners each
 * time, which takes as long as what the listeners do.
 */

type Listener = (message: object) => void

interface Connection {
  emit(event: string, ...values: unknown[]): boolean
}

/** From now on a message goes to its listeners without the copies. Other events, and those of another emitter, are emitted as before. */
export function emitMessagesDirectly(connection: Connection): void {
  if (typeof Reflect.get(connection, '_events') !== 'object') return
  const emit = connection.emit.bind(connection)

  connection.emit = (event: string, message?: unknown, ...others: unknown[]) => {
    if (!isMessage(message)) return message === undefined ? emit(event) : emit(event, message, ...others)
    const listeners = listenersOf(connection, event)
    if (listeners === undefined) return false
    if (typeof listeners === 'function') listeners.call(connection, message)
    // One that is for once takes itself out of the list.
    else for (const listener of listeners.slice()) listener.call(connection, message)
    return true
  }
}

/** Messages have a name; an error without a listener has to be thrown. */
function isMessage(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'name' in value && !(value instanceof Error)
}

function listenersOf(connection: Connection, event: string): Listener | Listener[] | undefined {
  return Reflect.get(connection, '_events')?.[event]
}
