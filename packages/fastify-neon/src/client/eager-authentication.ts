/**
 * The eager login: the password leaves together with the start-up message, since Neon's proxy asks every
 * WebSocket for it in the clear. A server that asks for something else is not meant by it.
 */
export interface AuthenticationMode {
  /** Whether the next login is eager. Set to false by the first server that wants another one. */
  isEager: boolean
}

/** What the server asks for instead of a password in the clear: another login will do without being eager. */
export class AuthenticationModeError extends Error {
  override readonly name = 'AuthenticationModeError'
  constructor() {
    super('the server asks for another authentication method than a password in clear text')
  }
}

/** Runs an attempt to log in, and once more when the server wants another login than the eager one, which is known then. */
export function inEitherMode<T>(attempt: () => Promise<T>): Promise<T> {
  return attempt().catch((error: unknown) => {
    if (error instanceof AuthenticationModeError) return attempt()
    throw error
  })
}

/** The part of a client that the login needs. */
interface LoggingIn {
  connection: {
    on(event: string, listener: () => void): unknown
    removeAllListeners(event: string): unknown
    emit(event: string, error: Error): unknown
  }
  /** Sends the password, and asks for it first when it is a function. */
  _handleAuthCleartextPassword(): void
}

const OTHER_REQUESTS = ['authenticationSASL', 'authenticationMD5Password', 'authenticationOk']

/** To be called behind the driver's `connect`, whose listeners it replaces. The login ends as any other. */
export function loginEagerly(client: LoggingIn, mode: AuthenticationMode): void {
  const { connection } = client
  let isAsked = false
  connection.removeAllListeners('authenticationCleartextPassword')
  connection.on('authenticationCleartextPassword', () => {
    isAsked = true
  })
  for (const request of OTHER_REQUESTS) {
    connection.removeAllListeners(request)
    connection.on(request, () => {
      if (isAsked) return
      mode.isEager = false
      connection.emit('error', new AuthenticationModeError())
    })
  }
  // Behind the driver's own listener, which sends the start-up message.
  connection.on('connect', () => client._handleAuthCleartextPassword())
}
