/**
 * Two changes of one task have met: shows both versions, and lets the user choose.
 */
import type { Task, TaskChanges } from '../services/types.ts'
import { Dialog } from './dialog.tsx'

export interface Conflict {
  /** The version that the user changed. */
  seen: Task
  /** What the user wanted. */
  changes: TaskChanges | 'delete'
  /** What the task is now; undefined when it was deleted. */
  theirs: Task | undefined
}

export interface ConflictDialogProps {
  conflict: Conflict
  onKeepMine: () => void
  onTakeTheirs: () => void
  /** Goes on editing, on their version. */
  onEdit: (mine: Task) => void
}

export function ConflictDialog({ conflict, onKeepMine, onTakeTheirs, onEdit }: ConflictDialogProps) {
  const { seen, changes, theirs } = conflict
  const isDeletion = changes === 'delete'
  const mine: Task = isDeletion ? seen : { ...seen, ...changes }
  return (
    <Dialog title="Changed in two places" onClose={onTakeTheirs}>
      <p>
        {isDeletion
          ? 'You deleted this task, and it was changed somewhere else meanwhile.'
          : theirs === undefined
            ? 'This task was deleted somewhere else meanwhile.'
            : 'This task was changed somewhere else since you opened it.'}
      </p>
      <div className="versions">
        {!isDeletion && <Version name="Your version" task={mine} />}
        {theirs !== undefined && <Version name="The other version" task={theirs} />}
      </div>
      <div className="actions">
        <button type="button" className="primary" onClick={onKeepMine}>
          {isDeletion ? 'Delete it' : theirs === undefined ? 'Make it again' : 'Keep mine'}
        </button>
        <button type="button" onClick={onTakeTheirs}>
          {isDeletion ? 'Keep it' : theirs === undefined ? 'Leave it deleted' : 'Take the other'}
        </button>
        {!isDeletion && theirs !== undefined && (
          <button type="button" onClick={() => onEdit(mine)}>
            Edit mine
          </button>
        )}
      </div>
    </Dialog>
  )
}

function Version({ name, task }: { name: string; task: Task }) {
  const { title, notes, done } = task
  return (
    <section aria-label={name}>
      <h3>{name}</h3>
      <p className="title">{title}</p>
      {notes !== '' && <p className="notes">{notes}</p>}
      <p className="state">{done ? 'Done' : 'Open'}</p>
    </section>
  )
}
