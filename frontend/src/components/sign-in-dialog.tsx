/**
 * Asks the user to sign in again when the service has refused their token. What they do goes on by itself after it.
 */
import { useSyncExternalStore } from 'react'
import type { Session } from '../services/sign-in/session.ts'
import type { SignIn } from '../services/sign-in/sign-in.ts'
import { Dialog } from './dialog.tsx'
import { SignInForm } from './sign-in-form.tsx'

export function SignInDialog({ session, signIn }: { session: Session; signIn: SignIn }) {
  const signedIn = useSyncExternalStore(session.subscribe, session.get)
  if (!signedIn?.isRefused) return null
  return (
    <Dialog title="Your session has ended">
      <p>What you have typed is kept, and what was not sent yet goes on after you have signed in again.</p>
      <SignInForm signIn={signIn} user={signedIn.user} />
      <button type="button" onClick={session.signOut}>
        Sign out
      </button>
    </Dialog>
  )
}
