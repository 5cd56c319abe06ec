/**
 * Who is signed in, and the way out.
 */
import type { SignIn } from '../services/sign-in/sign-in.ts'

export function AccountMenu({ user, signIn }: { user: string; signIn: SignIn }) {
  return (
    <>
      <button type="button" className="account" popoverTarget="account" aria-label={`Account of ${user}`}>
        {user}
      </button>
      <div id="account" popover="auto">
        <p>
          Signed in as <strong>{user}</strong>
        </p>
        <button type="button" onClick={() => void signIn.end()}>
          Sign out
        </button>
      </div>
    </>
  )
}
