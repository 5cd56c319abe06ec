/**
 * Changes of one task, such as two quick clicks, are sent one after the other, each on the version that the one before made: what
 * this window did itself is no conflict.
 */
import type { Deletion, Outcome, Tasks } from './tasks.ts'
import type { Task, TaskChanges } from './types.ts'

export interface ChangeQueue {
  change(seen: Task, changes: TaskChanges): Promise<Outcome>
  remove(seen: Task): Promise<Deletion>
  /** True while something is done to this task. */
  isBusy(id: string): boolean
}

/** What this window made of a task, and the versions that it made it of. */
interface Made {
  task: Task
  of: Set<number>
}

export function createChangeQueue(tasks: Pick<Tasks, 'change' | 'remove'>): ChangeQueue {
  const ends = new Map<string, Promise<unknown>>()
  const made = new Map<string, Made>()

  return {
    isBusy: id => ends.has(id),
    change: (seen, changes) =>
      inTurn(seen, async task => {
        const outcome = await tasks.change(task, changes)
        if (outcome.isDone) remember(task, outcome.task)
        return outcome
      }),
    remove: seen => inTurn(seen, tasks.remove)
  }

  async function inTurn<T>(seen: Task, work: (task: Task) => Promise<T>): Promise<T> {
    const { id } = seen
    const before = ends.get(id)
    const outcome = Promise.resolve(before).then(() => work(newest(seen)))
    const end = outcome.catch(() => {})
    ends.set(id, end)
    await end
    if (ends.get(id) === end) ends.delete(id)
    return outcome
  }

  function newest(seen: Task): Task {
    const mine = made.get(seen.id)
    return mine?.of.has(seen.version) ? mine.task : seen
  }

  function remember({ id, version }: Task, task: Task) {
    const mine = made.get(id)
    const of = mine?.task.version === version ? mine.of : new Set<number>()
    made.set(id, { task, of: of.add(version) })
  }
}
