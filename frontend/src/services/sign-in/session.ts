/**
 * Who is signed in, in this window: an access token, kept over a reload and forgotten with the window.
 */
import { createStore, type Store } from '../store.ts'

export interface SignedIn {
  token: string
  /** The subject of the token. */
  user: string
  /** The service has refused the token: the same user has to sign in again. */
  isRefused: boolean
}

export interface Session extends Pick<Store<SignedIn | undefined>, 'get' | 'subscribe'> {
  /** Throws when the token is not a JWT with a subject. */
  signIn(token: string): void
  signOut(): void
  /** Resolves when the user has another token than the one that was refused. Rejects when `signal` is aborted. */
  untilRenewed(refused: string | undefined, signal: AbortSignal): Promise<void>
}

const TOKEN = 'access-token'

export function createSession(storage: Storage): Session {
  const kept = storage.getItem(TOKEN)
  const state = createStore<SignedIn | undefined>(kept === null ? undefined : signedIn(kept))

  return { get: state.get, subscribe: state.subscribe, signIn, signOut, untilRenewed }

  function signIn(token: string) {
    const next = signedIn(token)
    storage.setItem(TOKEN, token)
    state.set(next)
  }

  function signOut() {
    storage.removeItem(TOKEN)
    state.set(undefined)
  }

  function untilRenewed(refused: string | undefined, signal: AbortSignal): Promise<void> {
    const now = state.get()
    if (now !== undefined && now.token === refused) state.set({ ...now, isRefused: true })
    return new Promise((resolve, reject) => {
      const end = state.subscribe(look)
      signal.addEventListener('abort', look)
      look()

      function look() {
        const { token, isRefused } = state.get() ?? {}
        const isRenewed = token !== undefined && token !== refused && isRefused === false
        if (!isRenewed && !signal.aborted) return
        end()
        signal.removeEventListener('abort', look)
        if (signal.aborted) reject(signal.reason)
        else resolve()
      }
    })
  }
}

function signedIn(token: string): SignedIn {
  return { token, user: subjectOf(token), isRefused: false }
}

/** For the page alone: only the service can tell whether it is true. */
function subjectOf(token: string): string {
  const [, payload = ''] = token.split('.')
  const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), character =>
    character.charCodeAt(0)
  )
  const { sub } = JSON.parse(new TextDecoder().decode(bytes))
  if (typeof sub !== 'string') throw new Error('the access token has no subject')
  return sub
}
