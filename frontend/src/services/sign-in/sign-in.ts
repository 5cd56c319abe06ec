/**
 * The ways to sign in, of which the settings name one. What the provider needs is loaded when it is needed.
 */

import type { OidcSettings, Settings } from '../settings.ts'
import type { Session } from './session.ts'

export interface SignIn {
  /** The user types a name, and nothing else. */
  byName: boolean
  /** With a provider, the page leaves. `user` is the name, or who should sign in again. */
  start(user?: string): Promise<void>
  /** Ends the session here, and at the provider. */
  end(): Promise<void>
}

export function createSignIn({ signIn }: Settings, session: Session): SignIn {
  return signIn.type === 'development' ? developmentSignIn(session) : oidcSignIn(signIn, session)
}

function developmentSignIn(session: Session): SignIn {
  return {
    byName: true,
    async start(user) {
      const response = await fetch('./development/token', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ user })
      })
      if (!response.ok) throw new Error(`the development server answered ${response.status}`)
      const { token } = await response.json()
      session.signIn(token)
    },
    async end() {
      session.signOut()
    }
  }
}

function oidcSignIn(settings: OidcSettings, session: Session): SignIn {
  return {
    byName: false,
    async start(user) {
      const { leaveForSignIn } = await import('./oidc.ts')
      await leaveForSignIn(settings, user)
    },
    async end() {
      session.signOut()
      try {
        const { leaveForSignOut } = await import('./oidc.ts')
        await leaveForSignOut(settings)
      } catch {
        // The user has signed out here, whether the provider answers or not.
      }
    }
  }
}

/** Signs in whoever comes back from the provider. Resolves with why that failed, for the page to show. */
export async function completeReturn({ signIn }: Settings, session: Session): Promise<string | undefined> {
  const url = new URL(location.href)
  const { searchParams: parameters } = url
  const isReturn = parameters.has('state') && (parameters.has('code') || parameters.has('error'))
  if (signIn.type !== 'oidc' || !isReturn) return undefined
  const { completeSignIn } = await import('./oidc.ts')
  try {
    session.signIn(await completeSignIn(signIn, url))
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
