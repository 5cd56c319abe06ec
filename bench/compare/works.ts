/**
 * Owns what is asked for: the same statements of every contestant, once as text and once as the project's
 * own query functions on a Drizzle client.
 */
import { createHash } from 'node:crypto'
import * as operators from 'drizzle-orm'
import type { Executor } from '../../src/db/executor.ts'
import { tasks } from '../../src/db/schema/tasks.ts'
import { createTask, findTask, type TaskKey, updateTask } from '../../src/db/tasks.ts'

/**
 * A select by key, the same built once and not for each, a list of 50 and one more that tells of the next page, an insert, an update, and both a read and a
 * write that the policies of the tables apply to.
 */
export const WORKS = ['key', 'prepared', 'list', 'insert', 'update', 'read', 'write'] as const
export type Work = (typeof WORKS)[number]

/** The number of a call says which row it is about. */
export type Works = Record<Work, (turn: number) => Promise<unknown>>

// This package has a copy of its own, of another type.
const { and, asc, eq } = operators as unknown as typeof import('../../node_modules/drizzle-orm/index.js')

export const ROLE = 'app_user'
export const CLAIM = 'app.user_id'
export const USERS = 20
export const TASKS_OF_A_USER = 100
const LIST_LENGTH = 50

export const userOf = (index: number) => `user-${index}`

const KEYS: readonly TaskKey[] = Array.from({ length: USERS * TASKS_OF_A_USER }, (_, index) => {
  const owner = userOf(index % USERS)
  return { owner, id: idOf(owner, Math.floor(index / USERS)) }
})

/** What Postgres makes of `md5('user-1/2')::uuid`. */
function idOf(owner: string, task: number): string {
  const hex = createHash('md5').update(`${owner}/${task}`).digest('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** To be run as the owner of the tables, whom no policy holds back. */
export const SEED = `insert into tasks (owner, id, title, notes)
  select owner, md5(owner || '/' || task)::uuid, 'Task ' || task, repeat('note ', 20)
  from (select 'user-' || number as owner from generate_series(0, ${USERS - 1}) as number) as users,
    generate_series(0, ${TASKS_OF_A_USER - 1}) as task`

function keyOf(turn: number): TaskKey {
  const key = KEYS[turn % KEYS.length]
  if (!key) throw new RangeError('there is no such task')
  return key
}

export interface DrizzleClient {
  /** As the login, with no transaction around a statement. */
  db: Executor
  /** Role and claim as the user, for the work and nothing else. */
  read<T>(user: string, work: (db: Executor) => Promise<T>): Promise<T>
  write<T>(user: string, work: (db: Executor) => Promise<T>): Promise<T>
}

export function drizzleWorks({ db, read, write }: DrizzleClient): Works {
  return {
    key: async turn => one((await selectByKey(db, keyOf(turn)))[0]),
    prepared: async turn => one(await findTask(db, keyOf(turn))),
    list: async turn => full((await selectList(db, keyOf(turn))).slice(0, LIST_LENGTH)),
    insert: async () => one(await createTask(db, NEW_TASK)),
    update: async turn => one(await updateTask(db, keyOf(turn), { done: true })),
    read: async turn => one((await read(keyOf(turn).owner, tx => selectByKey(tx, keyOf(turn))))[0]),
    write: async turn =>
      one(await write(keyOf(turn).owner, tx => updateTask(tx, keyOf(turn), { done: true })))
  }
}

type Rows = readonly unknown[]
type Query = (text: string, values: unknown[]) => Promise<{ rows: Rows }>

export interface TextClient {
  query: Query
  /** The work between BEGIN and COMMIT, on one connection. */
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>
}

// Of nobody whose tasks are read, so that these are as many as before.
const NEW_TASK = { owner: 'user-new', title: 'Buy milk', notes: 'note '.repeat(20) }

const COLUMNS = '"id", "owner", "title", "notes", "done", "created_at", "updated_at", "version"'
const FIND = `select ${COLUMNS} from "tasks" where ("tasks"."id" = $1 and "tasks"."owner" = $2)`
const LIST = `select ${COLUMNS} from "tasks" where "tasks"."owner" = $1
  order by "tasks"."created_at" asc, "tasks"."id" asc limit $2`
const INSERT = `insert into "tasks" ("id", "owner", "title", "notes", "done", "created_at", "updated_at", "version")
  values (default, $1, $2, $3, default, default, default, default) returning ${COLUMNS}`
const UPDATE = `update "tasks" set "done" = $1, "updated_at" = now(), "version" = "tasks"."version" + 1
  where ("tasks"."id" = $2 and "tasks"."owner" = $3) returning ${COLUMNS}`
/** One of them as it would be typed. */
export const KEY_STATEMENT = FIND.replace('$1', `'${keyOf(0).id}'`).replace('$2', `'${keyOf(0).owner}'`)
/** Role and claim in one statement, which is the least that the usual way takes. */
export const CLAIMS = `select set_config('role', '${ROLE}', true), set_config('${CLAIM}', $1, true)`

export function textWorks({ query, transaction }: TextClient): Works {
  return {
    key: async turn => one((await find(query, keyOf(turn))).rows[0]),
    prepared: async turn => one((await find(query, keyOf(turn))).rows[0]),
    list: async turn =>
      full((await query(LIST, [keyOf(turn).owner, LIST_LENGTH + 1])).rows.slice(0, LIST_LENGTH)),
    insert: async () => one((await query(INSERT, [NEW_TASK.owner, NEW_TASK.title, NEW_TASK.notes])).rows[0]),
    update: async turn => one((await update(query, keyOf(turn))).rows[0]),
    read: async turn => one((await asUser(keyOf(turn), find)).rows[0]),
    write: async turn => one((await asUser(keyOf(turn), update)).rows[0])
  }

  function asUser<T>(key: TaskKey, work: (query: Query, key: TaskKey) => Promise<T>): Promise<T> {
    return transaction(async inside => {
      await inside(CLAIMS, [key.owner])
      return await work(inside, key)
    })
  }
}

function find(query: Query, { id, owner }: TaskKey) {
  return query(FIND, [id, owner])
}

function update(query: Query, { id, owner }: TaskKey) {
  return query(UPDATE, [true, id, owner])
}

function selectByKey(db: Executor, { id, owner }: TaskKey) {
  return db
    .select()
    .from(tasks)
    .where(and(eq(tasks.id, id), eq(tasks.owner, owner)))
    .execute()
}

function selectList(db: Executor, { owner }: TaskKey) {
  return db
    .select()
    .from(tasks)
    .where(eq(tasks.owner, owner))
    .orderBy(asc(tasks.createdAt), asc(tasks.id))
    .limit(LIST_LENGTH + 1)
    .execute()
}

function one<T>(row: T | undefined): T {
  if (row === undefined) throw new Error('the answer has no row')
  return row
}

function full(rows: Rows): Rows {
  if (rows.length !== LIST_LENGTH) throw new Error(`the answer has ${rows.length} rows`)
  return rows
}
