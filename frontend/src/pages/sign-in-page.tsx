/**
 * The page of nobody.
 */
import { SignInForm } from '../components/sign-in-form.tsx'
import type { SignIn } from '../services/sign-in/sign-in.ts'

export function SignInPage({ signIn, problem }: { signIn: SignIn; problem: string | undefined }) {
  return (
    <main className="narrow">
      <h1>Tasks</h1>
      {signIn.byName && <p>In development any name signs in: each has its own tasks.</p>}
      <SignInForm signIn={signIn} problem={problem} />
    </main>
  )
}
