/**
 * Signs a user in: by a name in development, elsewhere by leaving for the provider.
 */
import { type FormEvent, useState } from 'react'
import type { SignIn } from '../services/sign-in/sign-in.ts'

export interface SignInFormProps {
  signIn: SignIn
  /** Who has to sign in again; without it, anybody may. */
  user?: string
  problem?: string | undefined
}

export function SignInForm({ signIn, user, problem }: SignInFormProps) {
  const [name, setName] = useState(user ?? '')
  const [isBusy, setIsBusy] = useState(false)
  const [failure, setFailure] = useState(problem)
  const isNamed = signIn.byName && user === undefined

  async function submit(event: FormEvent) {
    event.preventDefault()
    if (isBusy) return
    setIsBusy(true)
    setFailure(undefined)
    try {
      await signIn.start(name === '' ? undefined : name)
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error))
      setIsBusy(false)
    }
  }

  return (
    <form onSubmit={submit}>
      {failure !== undefined && (
        <p role="alert" className="problem">
          Sign-in failed: {failure}
        </p>
      )}
      {isNamed && (
        <label>
          Name
          <input
            name="name"
            value={name}
            onChange={event => setName(event.target.value)}
            required
            maxLength={255}
            pattern="[\x21-\x7e][\x20-\x7e]*"
            title="Letters of ASCII, and no others"
            autoComplete="username"
            autoCapitalize="none"
          />
        </label>
      )}
      <button type="submit" className="primary" aria-disabled={isBusy}>
        {user === undefined ? 'Sign in' : `Sign in again as ${user}`}
      </button>
    </form>
  )
}
