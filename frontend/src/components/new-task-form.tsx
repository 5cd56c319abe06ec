/**
 * Makes a task. What is typed is kept until then.
 */
import { type FormEvent, useRef, useState } from 'react'
import type { Draft, NewTaskDraft } from '../services/drafts.ts'
import { TaskFields } from './task-fields.tsx'

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
      <TaskFields titleLabel="New task" titleRef={title} rows={2} task={task} onType={type} />
      <button type="submit" className="primary">
        Add
      </button>
    </form>
  )
}
