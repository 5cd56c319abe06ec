/**
 * The fields of a task, within what the API takes.
 */
import type { Ref } from 'react'
import type { NewTaskDraft } from '../services/drafts.ts'

export interface TaskFieldsProps {
  titleLabel: string
  titleRef?: Ref<HTMLInputElement>
  /** Lines of the notes that are shown at once. */
  rows: number
  task: NewTaskDraft
  onType: (typed: Partial<NewTaskDraft>) => void
}

export function TaskFields({ titleLabel, titleRef, rows, task, onType }: TaskFieldsProps) {
  return (
    <>
      <label>
        {titleLabel}
        <input
          ref={titleRef}
          name="title"
          value={task.title}
          onChange={event => onType({ title: event.target.value })}
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
          onChange={event => onType({ notes: event.target.value })}
          maxLength={10_000}
          rows={rows}
        />
      </label>
    </>
  )
}
