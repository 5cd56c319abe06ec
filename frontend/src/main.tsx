/**
 * The start of the page: its settings, who is signed in, and what is shown to them.
 */
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { Failure } from './components/failure.tsx'
import { loadSettings } from './services/settings.ts'
import { createSession } from './services/sign-in/session.ts'
import { completeReturn, createSignIn } from './services/sign-in/sign-in.ts'

const element = document.getElementById('root')
if (element === null) throw new Error('index.html has no element with the id root')
const root = createRoot(element)

try {
  const settings = await loadSettings()
  const session = createSession(sessionStorage)
  const problem = await completeReturn(settings, session)
  const signIn = createSignIn(settings, session)
  root.render(<App apiUrl={settings.apiUrl} session={session} signIn={signIn} problem={problem} />)
} catch (error) {
  root.render(<Failure error={error} />)
}
