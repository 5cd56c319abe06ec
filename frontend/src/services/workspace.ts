/**
 * Everything of one signed-in user: the tasks, the outbox and the drafts. It ends when the user does.
 */
import { type ChangeQueue, createChangeQueue } from './change-queue.ts'
import { createApiClient } from './client.ts'
import { createDrafts, type Drafts } from './drafts.ts'
import { browserNetwork } from './network.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import { createSend } from './send.ts'
import type { Session } from './sign-in/session.ts'
import { createTasks, type Tasks } from './tasks.ts'
import type { Task } from './types.ts'
import { createWaits, type Waits } from './waits.ts'

export interface Workspace {
  user: string
  tasks: Tasks
  changes: ChangeQueue
  outbox: Outbox
  drafts: Drafts
  waits: Waits
  /** Told of each task that the outbox has made; undefined for one that another window has. */
  onCreated(listener: (task: Task | undefined) => void): () => void
  close(): void
}

export function openWorkspace(apiUrl: string, session: Session, user: string): Workspace {
  const end = new AbortController()
  const waits = createWaits()
  const send = createSend({ waits, network: browserNetwork, session })
  const tasks = createTasks(createApiClient(apiUrl, session), send, end.signal)
  const listeners = new Set<(task: Task | undefined) => void>()
  const outbox = createOutbox({
    storage: localStorage,
    user,
    create: tasks.create,
    locks: navigator.locks,
    signal: end.signal,
    now: Date.now,
    onCreated(task) {
      for (const listener of listeners) listener(task)
    }
  })

  return {
    user,
    tasks,
    changes: createChangeQueue(tasks),
    outbox,
    drafts: createDrafts(sessionStorage, user),
    waits,
    onCreated(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    close: () => end.abort()
  }
}
