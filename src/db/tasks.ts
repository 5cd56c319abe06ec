/**
 * Queries on tasks. Each takes the owner, and none can reach another user's row.
 */
import { and, desc, eq, sql } from 'drizzle-orm'
import type { Executor } from './executor.ts'
import { type Task, tasks } from './schema/tasks.ts'

export interface TaskKey {
  owner: string
  id: string
}

/** The last row of the page before. */
export type TaskPosition = Pick<Task, 'createdAt' | 'id'>

export type NewTask = Pick<Task, 'owner' | 'title'> & Partial<Pick<Task, 'notes'>>

export type TaskChanges = Partial<Pick<Task, 'title' | 'notes' | 'done'>>

/** Newest first. */
export function listTasks(db: Executor, owner: string, limit: number, after?: TaskPosition): Promise<Task[]> {
  const isOlder =
    after &&
    sql`(${tasks.createdAt}, ${tasks.id}) < (${sql.param(after.createdAt, tasks.createdAt)}, ${sql.param(after.id, tasks.id)})`
  return db
    .select()
    .from(tasks)
    .where(and(eq(tasks.owner, owner), isOlder))
    .orderBy(desc(tasks.createdAt), desc(tasks.id))
    .limit(limit)
}

export async function createTask(db: Executor, task: NewTask): Promise<Task> {
  const [created] = await db.insert(tasks).values(task).returning()
  /* c8 ignore next -- one row in, one row out; the check is for the type */
  if (created === undefined) throw new TypeError('INSERT … RETURNING gave no row')
  return created
}

export async function findTask(db: Executor, key: TaskKey): Promise<Task | undefined> {
  const [found] = await db.select().from(tasks).where(matches(key))
  return found
}

export async function updateTask(
  db: Executor,
  key: TaskKey,
  changes: TaskChanges
): Promise<Task | undefined> {
  const [updated] = await db
    .update(tasks)
    .set({ ...changes, updatedAt: sql`now()` })
    .where(matches(key))
    .returning()
  return updated
}

export async function deleteTask(db: Executor, key: TaskKey): Promise<Task | undefined> {
  const [deleted] = await db.delete(tasks).where(matches(key)).returning()
  return deleted
}

function matches({ owner, id }: TaskKey) {
  return and(eq(tasks.id, id), eq(tasks.owner, owner))
}
