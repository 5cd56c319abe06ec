/**
 * Queries on tasks. Each takes the owner, and none can reach another user's row. Which statement is sent
 * depends on what is asked for and never on a value: all values are parameters.
 */
import {
  and,
  asc,
  desc,
  eq,
  getTableColumns,
  or,
  type Placeholder,
  type SQL,
  type SQLWrapper,
  sql
} from 'drizzle-orm'
import { type Placeholders, type PreparedQuery, preparedQuery } from 'fastify-neon/prepared-query'
import type { Executor } from './executor.ts'
import { type Task, tasks } from './schema/tasks.ts'

export interface TaskKey {
  owner: string
  id: string
}

/** What a list can be sorted by. Each has an index, with the id as its last key. */
export const SORT_COLUMNS = { createdAt: tasks.createdAt, updatedAt: tasks.updatedAt, title: tasks.title }

export interface TaskOrder {
  by: keyof typeof SORT_COLUMNS
  isDescending: boolean
}

/** The last row of the page before: its value in the column that is sorted by, and its id. */
export interface TaskPosition {
  value: Date | string
  id: string
}

export interface TaskList {
  owner: string
  limit: number
  order: TaskOrder
  done?: boolean | undefined
  after?: TaskPosition | undefined
}

export interface TaskSearch extends TaskList {
  /** Plain text in title or notes, in upper or lower case. */
  search: string
}

export interface TaskPage {
  items: Task[]
  /** What the next page begins behind; undefined on the last page. */
  last: Task | undefined
}

export type NewTask = Pick<Task, 'owner' | 'title'> & Partial<Pick<Task, 'notes'>>

export type TaskChanges = Partial<Pick<Task, 'title' | 'notes' | 'done'>>

/** The versions that a change may meet; undefined for any. */
export type Versions = number[] | undefined

/** A search reads so many rows at most: what it costs does not depend on how many tasks a user has. */
export const ROWS_OF_A_SEARCH = 2000

type ListValues = Omit<TaskList, 'order' | 'after'> & Partial<TaskPosition>

/** By all that the statement depends on. */
const LISTS = new Map<string, PreparedQuery<ListValues, Task[]>>()

export async function listTasks(db: Executor, list: TaskList): Promise<TaskPage> {
  const { owner, limit, done, after } = list
  // One row more than the page tells whether there is a next one.
  const rows = await listLike(list)(db, { owner, limit: limit + 1, done, ...after })
  return { items: rows.slice(0, limit), last: rows.length > limit ? rows[limit - 1] : undefined }
}

function listLike({ order, done, after }: TaskList): PreparedQuery<ListValues, Task[]> {
  const shape = [order.by, order.isDescending, done === undefined, after === undefined].join()
  const known = LISTS.get(shape)
  if (known) return known
  const list = preparedQuery((db, values: Placeholders<ListValues>) => {
    const { owner, limit, value, id } = values
    return db
      .select()
      .from(tasks)
      .where(
        and(
          isListed({ owner, order, after: after && { value, id } }),
          done === undefined ? undefined : eq(tasks.done, values.done)
        )
      )
      .orderBy(...inOrder(tasks, order))
      .limit(limit)
  })
  LISTS.set(shape, list)
  return list
}

/** The matches among the next rows of the list and, where it stopped reading, the last of those rows. */
export function searchTasks(db: Executor, list: TaskSearch) {
  const order = inOrder(tasks, list.order)
  const read = db
    .select({
      ...getTableColumns(tasks),
      place: sql<number>`(row_number() over (order by ${sql.join(order, sql`, `)}))::integer`.as('place'),
      isMatch: sql<boolean>`${and(isDone(list), contains(list.search))}`.as('is_match')
    })
    .from(tasks)
    .where(isListed(list))
    .orderBy(...order)
    .limit(ROWS_OF_A_SEARCH)
    .as('read')
  return db
    .select()
    .from(read)
    .where(or(read.isMatch, eq(read.place, ROWS_OF_A_SEARCH)))
    .orderBy(...inOrder(read, list.order))
    .limit(list.limit + 1)
}

/** Before the last page there may be fewer matches than the limit, and none. */
export function pageOfSearch(rows: Awaited<ReturnType<typeof searchTasks>>, { limit }: TaskSearch): TaskPage {
  const matches = rows.filter(({ isMatch }) => isMatch)
  const items = matches.slice(0, limit)
  const end = rows.at(-1)
  const stoppedAt = end?.place === ROWS_OF_A_SEARCH ? end : undefined
  return { items, last: matches.length > limit ? items.at(-1) : stoppedAt }
}

/** A value, or what stands for one. */
type OrPlaceholder<T> = { [Name in keyof T]: T[Name] | Placeholder }

interface Listed {
  owner: string | Placeholder
  order: TaskOrder
  after?: OrPlaceholder<TaskPosition> | undefined
}

function isListed({ owner, order, after }: Listed) {
  return and(eq(tasks.owner, owner), after && isBehind(after, order))
}

function isDone({ done }: TaskList) {
  return done === undefined ? undefined : eq(tasks.done, done)
}

/** The table, or a subquery with its columns. */
type TaskColumns = Record<keyof typeof SORT_COLUMNS | 'id', SQLWrapper>

function inOrder(columns: TaskColumns, { by, isDescending }: TaskOrder): SQL[] {
  return [columns[by], columns.id].map(isDescending ? desc : asc)
}

/** Without LIKE, so that no character of the text is a wildcard. */
function contains(search: string): SQL | undefined {
  const isIn = (column: typeof tasks.title | typeof tasks.notes) =>
    sql`strpos(lower(${column}), lower(${search})) > 0`
  return or(isIn(tasks.title), isIn(tasks.notes))
}

/** Compares rows as the index has them, so that a page starts there and reads nothing before it. */
function isBehind({ value, id }: OrPlaceholder<TaskPosition>, { by, isDescending }: TaskOrder): SQL {
  const column = SORT_COLUMNS[by]
  const last = sql`(${sql.param(value, column)}, ${sql.param(id, tasks.id)})`
  return isDescending ? sql`(${column}, ${tasks.id}) < ${last}` : sql`(${column}, ${tasks.id}) > ${last}`
}

export async function createTask(db: Executor, task: NewTask): Promise<Task> {
  const [created] = await db.insert(tasks).values(task).returning()
  /* c8 ignore next -- one row in, one row out; the check is for the type */
  if (created === undefined) throw new TypeError('INSERT … RETURNING gave no row')
  return created
}

const findByKey = preparedQuery((db, key: Placeholders<TaskKey>) =>
  db.select().from(tasks).where(matches(key))
)

export async function findTask(db: Executor, key: TaskKey): Promise<Task | undefined> {
  const [found] = await findByKey(db, key)
  return found
}

/** Undefined as well when the task has none of these versions. */
export async function updateTask(
  db: Executor,
  key: TaskKey,
  changes: TaskChanges,
  versions?: Versions
): Promise<Task | undefined> {
  const [updated] = await db
    .update(tasks)
    .set({ ...changes, updatedAt: sql`now()`, version: sql`${tasks.version} + 1` })
    .where(and(matches(key), hasVersion(versions)))
    .returning()
  return updated
}

/** Undefined as well when the task has none of these versions. */
export async function deleteTask(db: Executor, key: TaskKey, versions?: Versions): Promise<Task | undefined> {
  const [deleted] = await db
    .delete(tasks)
    .where(and(matches(key), hasVersion(versions)))
    .returning()
  return deleted
}

function matches({ owner, id }: OrPlaceholder<TaskKey>) {
  return and(eq(tasks.id, id), eq(tasks.owner, owner))
}

/** In the statement that changes the row: Postgres looks again when another change came first. */
function hasVersion(versions: Versions): SQL | undefined {
  return versions && sql`${tasks.version} = any(${sql.param(versions)}::integer[])`
}
