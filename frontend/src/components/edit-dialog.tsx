/**
 * Edits title and notes of a task. What is typed is kept until it is saved or thrown away.
 */
import { type FormEvent, useState } from 'react'
import type { EditDraft } from '../services/drafts.ts'
import type { TaskChanges } from '../services/types.ts'
import { Dialog } from './dialog.tsx'
import { TaskFields } from './task-fields.tsx'

export interface EditDialogProps {
  draft: EditDraft
  onType: (draft: EditDraft) => void
  /** Resolves with why it was not saved, if the user has to do something about it. */
  onSave: (draft: EditDraft, changes: TaskChanges) => Promise<string | undefined>
  onClose: () => void
}

export function EditDialog({ draft, onType, onSave, onClose }: EditDialogProps) {
  const [isSaving, setIsSaving] = useState(false)
  const [problem, setProblem] = useState<string>()

  async function submit(event: FormEvent) {
    event.preventDefault()
    if (isSaving) return
    const changes = changesOf(draft)
    if (Object.keys(changes).length === 0) return onClose()
    setIsSaving(true)
    setProblem(await onSave(draft, changes))
    setIsSaving(false)
  }

  return (
    <Dialog title="Edit task" onClose={onClose}>
      <form onSubmit={submit}>
        <TaskFields
          titleLabel="Title"
          rows={6}
          task={draft}
          onType={typed => onType({ ...draft, ...typed })}
        />
        {problem !== undefined && (
          <p role="alert" className="problem">
            Not saved: {problem}
          </p>
        )}
        <div className="actions">
          <button type="submit" className="primary" aria-disabled={isSaving}>
            {isSaving ? 'Saving…' : 'Save'}
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  )
}

export function changesOf({ seen, title, notes }: EditDraft): TaskChanges {
  return { ...(title !== seen.title && { title }), ...(notes !== seen.notes && { notes }) }
}
