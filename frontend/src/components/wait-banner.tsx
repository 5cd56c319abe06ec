/**
 * Says why something takes long, and that it goes on by itself.
 */
import { useSyncExternalStore } from 'react'
import type { Wait, Waits } from '../services/waits.ts'

const TEXTS: Record<Wait, string> = {
  offline: 'You are offline. What you do is sent when the connection is back.',
  'signed-out': 'Waiting until you have signed in again.',
  'outcome-unknown': 'The answer was lost. Finding out what was saved.',
  unreachable: 'The server cannot be reached. Trying again.',
  restarting: 'The server is restarting. Trying again.',
  'keys-unavailable': 'The server cannot check your sign-in at the moment. Trying again.',
  waking: 'The database is waking. This goes on by itself.',
  limited: 'Too many requests at once. This goes on by itself in a moment.',
  slow: 'This takes longer than usual: the database may be waking.'
}

export function WaitBanner({ waits }: { waits: Waits }) {
  const wait = useSyncExternalStore(waits.subscribe, waits.get)
  // Always there, or what it says first would not be read out.
  return (
    <div role="status" className="wait" data-wait={wait}>
      {wait !== undefined && (
        <>
          <progress aria-hidden="true" />
          <p>{TEXTS[wait]}</p>
        </>
      )}
    </div>
  )
}
