/**
 * What the user does with a task of the list: to tick it off, edit it, delete it, and decide a conflict.
 */
import { useState } from 'react'
import type { Conflict } from '../components/conflict-dialog.tsx'
import type { EditDraft } from '../services/drafts.ts'
import type { Task, TaskChanges } from '../services/types.ts'
import type { Workspace } from '../services/workspace.ts'
import type { TaskList } from './use-task-list.ts'

export function useTaskActions({ changes: queue, outbox, drafts }: Workspace, list: TaskList) {
  const [editing, setEditing] = useState(() => drafts.edit.read())
  const [deleting, setDeleting] = useState<Task>()
  const [conflict, setConflict] = useState<Conflict>()
  const [problem, setProblem] = useState<string>()

  return {
    editing,
    deleting,
    conflict,
    problem,
    /** Shown at once; taken back when it is refused. */
    async toggle(seen: Task) {
      const changes = { done: !seen.done }
      list.put({ ...seen, ...changes })
      const { refusal } = await change(seen, changes)
      setProblem(refusal)
      if (refusal !== undefined) list.put(seen)
    },
    edit: (seen: Task) => type({ seen, title: seen.title, notes: seen.notes }),
    type,
    stopEditing,
    async save({ seen }: EditDraft, changes: TaskChanges) {
      const { isDone, refusal } = await change(seen, changes)
      if (isDone) stopEditing()
      // The draft is kept until the conflict is decided.
      else if (refusal === undefined) setEditing(undefined)
      return refusal
    },
    askToDelete: setDeleting,
    stopDeleting: () => setDeleting(undefined),
    async remove() {
      setDeleting(undefined)
      if (deleting) await remove(deleting)
    },
    async keepMine() {
      if (!conflict) return
      const { seen, changes, theirs } = conflict
      setConflict(undefined)
      if (changes === 'delete') return theirs && remove(theirs)
      if (theirs === undefined) {
        outbox.add({ title: changes.title ?? seen.title, notes: changes.notes ?? seen.notes })
        return stopEditing()
      }
      const { isDone, refusal } = await change(theirs, changes)
      setProblem(refusal)
      if (isDone) stopEditing()
    },
    takeTheirs() {
      setConflict(undefined)
      stopEditing()
    },
    editMine({ title, notes }: Task) {
      setConflict(undefined)
      if (conflict?.theirs) type({ seen: conflict.theirs, title, notes })
    }
  }

  function type(draft: EditDraft) {
    setEditing(draft)
    drafts.edit.write(draft)
  }

  function stopEditing() {
    setEditing(undefined)
    drafts.edit.write(undefined)
  }

  /** A conflict is neither done nor refused: the user has to decide. */
  async function change(seen: Task, changes: TaskChanges): Promise<{ isDone: boolean; refusal?: string }> {
    try {
      const outcome = await queue.change(seen, changes)
      if (outcome.isDone) {
        if (!queue.isBusy(seen.id)) list.put(outcome.task)
      } else {
        show(seen.id, outcome.theirs)
        setConflict({ seen, changes, theirs: outcome.theirs })
      }
      return { isDone: outcome.isDone }
    } catch (error) {
      return { isDone: false, refusal: messageOf(error) }
    }
  }

  /** Gone from the list at once; the list is read again when it was refused. */
  async function remove(seen: Task) {
    list.drop(seen.id)
    try {
      const deletion = await queue.remove(seen)
      if (deletion.isDone) return
      list.reload()
      setConflict({ seen, changes: 'delete', theirs: deletion.theirs })
    } catch (error) {
      list.reload()
      setProblem(messageOf(error))
    }
  }

  function show(id: string, theirs: Task | undefined) {
    if (theirs) list.put(theirs)
    else list.drop(id)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
