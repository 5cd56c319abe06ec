/**
 * Makes a task. What is typed is kept until then.
 */
import { type FormEvent, useRef, useState } from 'react'
import type { Draft, NewTaskDraft } from '../services/drafts.ts'

const NOTHING: NewTaskDraft = { title: '', notes: '' }

export interface NewTaskFormProps {
  draft: Draft<NewTaskDraft>
  onAdd: (task: NewTaskDraft) => void
}

export function NewTaskForm({ draft, onAdd }: NewTaskFormProps) {
  const [task, setTask] = useState(() => draft.read() ?? NOTHING)
  const title = useRef<HTMLInputElement>(null)

  function type(typed: Partial<NewTaskDraft>) {
    const next = { ...task, ...typed }
    setTask(next)
    draft.write(next)
  }

  function submit(event: FormEvent) {
    event.preventDefault()
    onAdd(task)
    setTask(NOTHING)
    draft.write(undefined)
    title.current?.focus()
  }

  return (
    <form className="new-task" aria-label="New task" onSubmit={submit}>
      <label>
        New task
        <input
          ref={title}
          name="title"
          value={task.title}
          onChange={event => type({ title: event.target.value })}
          required
          maxLength={200}
          autoComplete="off"
        />
      </label>
      <label>
        Notes
        <textarea
          name="notes"
          value={task.notes}
          onChange={event => type({ notes: event.target.value })}
          maxLength={10_000}
          rows={2}
        />
      </label>
      <button type="submit" className="primary">
        Add
      </button>
    </form>
  )
}
