/**
 * The list as far as it was loaded, for one set of filters.
 */
import { useCallback, useEffect, useRef, useState } from 'react'
import type { LoadedTasks } from '../components/task-list.tsx'
import { type Filters, queryOf } from '../services/task-filters.ts'
import type { Tasks } from '../services/tasks.ts'
import type { Task, TaskPage, TaskQuery } from '../services/types.ts'

export interface TaskList extends LoadedTasks {
  /** Puts a task in the place that it has, or on top. */
  put(task: Task): void
  drop(id: string): void
}

interface State {
  items: readonly Task[]
  nextCursor: string | null
  isLoading: boolean
  problem: string | undefined
}

const NOTHING: State = { items: [], nextCursor: null, isLoading: true, problem: undefined }

export function useTaskList(tasks: Tasks, filters: Filters): TaskList {
  const [state, setState] = useState(NOTHING)
  const reader = useRef<AbortController>(undefined)

  const load = useCallback(
    async (cursor?: string) => {
      reader.current?.abort()
      reader.current = new AbortController()
      const { signal } = reader.current
      setState(before => ({ ...before, isLoading: true, problem: undefined }))
      try {
        const page = await readPage(tasks, { ...queryOf(filters), ...(cursor && { cursor }) }, signal)
        setState(before => ({
          items: cursor === undefined ? page.items : together(before.items, page.items),
          nextCursor: page.nextCursor,
          isLoading: false,
          problem: undefined
        }))
      } catch (error) {
        if (signal.aborted) return
        const problem = error instanceof Error ? error.message : String(error)
        setState(before => ({ ...before, isLoading: false, problem }))
      }
    },
    [tasks, filters]
  )

  const reload = useCallback(() => void load(), [load])
  const put = useCallback((task: Task) => {
    setState(before => ({ ...before, items: together(before.items, [task], true) }))
  }, [])
  const drop = useCallback((id: string) => {
    setState(before => ({ ...before, items: before.items.filter(item => item.id !== id) }))
  }, [])

  useEffect(() => {
    void load()
    return () => reader.current?.abort()
  }, [load])

  const { items, nextCursor, isLoading, problem } = state
  return {
    items,
    isLoading,
    hasMore: nextCursor !== null,
    problem,
    loadMore: () => void load(nextCursor ?? undefined),
    reload,
    put,
    drop
  }
}

/** A search may find nothing among the tasks that it has looked at, and more behind them. */
async function readPage(tasks: Tasks, query: TaskQuery, signal: AbortSignal): Promise<TaskPage> {
  const page = await tasks.list(query, signal)
  if (page.items.length > 0 || page.nextCursor === null) return page
  return readPage(tasks, { ...query, cursor: page.nextCursor }, signal)
}

/** Each task once: one that was changed may have moved between two pages. */
function together(before: readonly Task[], more: readonly Task[], onTop = false): readonly Task[] {
  const newer = new Map(more.map(task => [task.id, task]))
  const kept = before.map(task => newer.get(task.id) ?? task)
  const known = new Set(before.map(({ id }) => id))
  const added = more.filter(({ id }) => !known.has(id))
  return onTop ? [...added, ...kept] : [...kept, ...added]
}
