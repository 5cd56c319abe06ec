/**
 * One task of the list.
 */
import type { Task } from '../services/types.ts'

export interface TaskRowProps {
  task: Task
  onToggle: (task: Task) => void
  onEdit: (task: Task) => void
  onDelete: (task: Task) => void
}

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })

export function TaskRow({ task, onToggle, onEdit, onDelete }: TaskRowProps) {
  const { title, notes, done, createdAt } = task
  return (
    <li className="task">
      <label>
        <input type="checkbox" checked={done} onChange={() => onToggle(task)} />
        <span className="title">{title}</span>
      </label>
      <time dateTime={createdAt}>{DATE.format(new Date(createdAt))}</time>
      {notes !== '' && <p className="notes">{notes}</p>}
      <div className="actions">
        <button type="button" aria-label={`Edit ${title}`} onClick={() => onEdit(task)}>
          Edit
        </button>
        <button type="button" aria-label={`Delete ${title}`} onClick={() => onDelete(task)}>
          Delete
        </button>
      </div>
    </li>
  )
}
