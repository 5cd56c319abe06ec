/**
 * What was typed and not saved: kept for its user in this window, over a reload and a sign-in elsewhere.
 */
import type { Task } from './types.ts'

export interface NewTaskDraft {
  title: string
  notes: string
}

/** `seen` is the version that the user edits. */
export interface EditDraft extends NewTaskDraft {
  seen: Task
}

export interface Draft<T> {
  read(): T | undefined
  /** Undefined removes it. */
  write(draft: T | undefined): void
}

export interface Drafts {
  newTask: Draft<NewTaskDraft>
  edit: Draft<EditDraft>
}

export function createDrafts(storage: Storage, user: string): Drafts {
  return { newTask: draft('new'), edit: draft('edit') }

  function draft<T>(kind: string): Draft<T> {
    const name = `draft:${kind}:${user}`
    return {
      read() {
        const text = storage.getItem(name)
        return text === null ? undefined : JSON.parse(text)
      },
      write(value) {
        if (value === undefined) storage.removeItem(name)
        else storage.setItem(name, JSON.stringify(value))
      }
    }
  }
}
