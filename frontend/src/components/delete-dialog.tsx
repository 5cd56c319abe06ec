/**
 * Asks before a task is deleted, which nothing takes back.
 */
import type { Task } from '../services/types.ts'
import { Dialog } from './dialog.tsx'

export interface DeleteDialogProps {
  task: Task
  onDelete: () => void
  onClose: () => void
}

export function DeleteDialog({ task, onDelete, onClose }: DeleteDialogProps) {
  return (
    <Dialog title="Delete this task?" onClose={onClose}>
      <p className="title">{task.title}</p>
      <div className="actions">
        <button type="button" className="danger" onClick={onDelete}>
          Delete
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </Dialog>
  )
}
