/**
 * Tasks that are being made, and those that were refused.
 */
import { useSyncExternalStore } from 'react'
import type { Outbox } from '../services/outbox.ts'

export function PendingTasks({ outbox }: { outbox: Outbox }) {
  const entries = useSyncExternalStore(outbox.subscribe, outbox.get)
  if (entries.length === 0) return null
  return (
    <ul className="tasks" aria-label="Tasks that are being saved">
      {entries.map(({ key, title, refusal }) => (
        <li key={key} className="task pending">
          <span className="title">{title}</span>
          {refusal === undefined ? (
            <span className="state">Saving…</span>
          ) : (
            <>
              <p role="alert" className="problem">
                Not saved: {refusal}
              </p>
              <button type="button" aria-label={`Discard ${title}`} onClick={() => outbox.discard(key)}>
                Discard
              </button>
            </>
          )}
        </li>
      ))}
    </ul>
  )
}
