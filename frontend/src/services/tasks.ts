/**
 * What the page does with tasks. Each write has an Idempotency-Key, so that it is done once however often it is sent, and each
 * change names the version that the user saw.
 */
import { type Answer, problemIn } from './answer.ts'
import type { ApiClient } from './client.ts'
import type { Send } from './send.ts'
import type { NewTask, Problem, Task, TaskChanges, TaskPage, TaskQuery } from './types.ts'

/** What the service refused, and refuses again. */
export class RefusedError extends Error {
  readonly problem: Problem | undefined

  constructor({ response, error }: Answer) {
    const problem = problemIn(error)
    super(problem?.detail ?? `the server answered ${response.status}`)
    this.problem = problem
  }
}

/** Of a change: `theirs` is what the task is now, undefined when somebody has deleted it. */
export type Outcome = { isDone: true; task: Task } | { isDone: false; theirs: Task | undefined }

/** Of a deletion. A task that is gone already is one. */
export type Deletion = { isDone: true } | { isDone: false; theirs: Task }

export interface Tasks {
  list(query: TaskQuery, signal: AbortSignal): Promise<TaskPage>
  create(task: NewTask, key: string): Promise<Task>
  change(seen: Task, changes: TaskChanges): Promise<Outcome>
  remove(seen: Task): Promise<Deletion>
}

const GONE = 404
const CHANGED = 412

/** All of it rejects when `signal` is aborted, such as when the user signs out. */
export function createTasks(client: ApiClient, send: Send, signal: AbortSignal): Tasks {
  return { list, create, change, remove }

  async function list(query: TaskQuery, reader: AbortSignal): Promise<TaskPage> {
    const answer = await send(
      signal => client.GET('/tasks', { params: { query }, signal }),
      AbortSignal.any([signal, reader])
    )
    return dataOf(answer)
  }

  async function create(body: NewTask, key: string): Promise<Task> {
    const header = { 'idempotency-key': key }
    return dataOf(await send(signal => client.POST('/tasks', { params: { header }, body, signal }), signal))
  }

  async function change(seen: Task, body: TaskChanges): Promise<Outcome> {
    const params = paramsOf(seen)
    const answer = await send(signal => client.PATCH('/tasks/{id}', { params, body, signal }), signal)
    if (answer.response.status === GONE) return { isDone: false, theirs: undefined }
    if (answer.response.status !== CHANGED) return { isDone: true, task: dataOf(answer) }
    const theirs = await find(seen)
    // Such as after a reload: the change was stored before.
    return theirs && isSaid(body, theirs) ? { isDone: true, task: theirs } : { isDone: false, theirs }
  }

  async function remove(seen: Task): Promise<Deletion> {
    const params = paramsOf(seen)
    const answer = await send(signal => client.DELETE('/tasks/{id}', { params, signal }), signal)
    const { status, ok } = answer.response
    if (ok || status === GONE) return { isDone: true }
    if (status !== CHANGED) throw new RefusedError(answer)
    const theirs = await find(seen)
    return theirs ? { isDone: false, theirs } : { isDone: true }
  }

  async function find({ id }: Task): Promise<Task | undefined> {
    const answer = await send(
      signal => client.GET('/tasks/{id}', { params: { path: { id } }, signal }),
      signal
    )
    return answer.response.status === GONE ? undefined : dataOf(answer)
  }
}

function paramsOf({ id, version }: Task) {
  return { path: { id }, header: { 'idempotency-key': crypto.randomUUID(), 'if-match': `"${version}"` } }
}

function isSaid(changes: TaskChanges, task: Task): boolean {
  const said: TaskChanges = task
  return (['title', 'notes', 'done'] as const).every(
    name => changes[name] === undefined || changes[name] === said[name]
  )
}

function dataOf<T>(answer: Answer & { data?: T | undefined }): T {
  if (answer.data === undefined) throw new RefusedError(answer)
  return answer.data
}
