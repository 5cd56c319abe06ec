/**
 * The tasks of the user, a page at a time.
 */
import type { Task } from '../services/types.ts'
import { TaskRow, type TaskRowProps } from './task-row.tsx'

/** What is loaded of it so far. */
export interface LoadedTasks {
  items: readonly Task[]
  isLoading: boolean
  hasMore: boolean
  problem: string | undefined
  loadMore(): void
  reload(): void
}

export interface TaskListProps extends Omit<TaskRowProps, 'task'> {
  list: LoadedTasks
  isFiltered: boolean
}

export function TaskList({ list, isFiltered, ...actions }: TaskListProps) {
  const { items, isLoading, hasMore, problem } = list
  return (
    <section aria-label="Tasks" aria-busy={isLoading}>
      {problem !== undefined && (
        <p role="alert" className="problem">
          The tasks cannot be shown: {problem}
        </p>
      )}
      {items.length > 0 && (
        <ul className="tasks">
          {items.map(task => (
            <TaskRow key={task.id} task={task} {...actions} />
          ))}
        </ul>
      )}
      {isLoading ? (
        <p className="loading">Loading…</p>
      ) : (
        items.length === 0 &&
        problem === undefined && <p className="empty">{isFiltered ? 'No task matches.' : 'No tasks yet.'}</p>
      )}
      {!isLoading && (hasMore || problem !== undefined) && (
        <button type="button" onClick={hasMore ? list.loadMore : list.reload}>
          {hasMore ? 'Show more' : 'Try again'}
        </button>
      )}
    </section>
  )
}
