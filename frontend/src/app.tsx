/**
 * The page for whoever is signed in, or the one to sign in.
 */
import { useEffect, useState, useSyncExternalStore } from 'react'
import { SignInPage } from './pages/sign-in-page.tsx'
import { TasksPage } from './pages/tasks-page.tsx'
import type { Session } from './services/sign-in/session.ts'
import type { SignIn } from './services/sign-in/sign-in.ts'
import { openWorkspace, type Workspace } from './services/workspace.ts'

export interface AppProps {
  apiUrl: string
  session: Session
  signIn: SignIn
  /** Why the sign-in that the user comes back from has failed. */
  problem: string | undefined
}

export function App({ apiUrl, session, signIn, problem }: AppProps) {
  const user = useSyncExternalStore(session.subscribe, session.get)?.user
  const workspace = useWorkspace(apiUrl, session, user)
  if (user === undefined) return <SignInPage signIn={signIn} problem={problem} />
  // For one render after another user has signed in, it is still that of the one before.
  if (workspace?.user !== user) return null
  return <TasksPage workspace={workspace} session={session} signIn={signIn} />
}

function useWorkspace(apiUrl: string, session: Session, user: string | undefined): Workspace | undefined {
  const [workspace, setWorkspace] = useState<Workspace>()
  useEffect(() => {
    if (user === undefined) return
    const opened = openWorkspace(apiUrl, session, user)
    setWorkspace(opened)
    return () => {
      opened.close()
      setWorkspace(undefined)
    }
  }, [apiUrl, session, user])
  return workspace
}
