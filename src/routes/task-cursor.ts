/**
 * The cursor of a page of tasks: the position of its last row, opaque to clients, and a digest that binds
 * it to the user and the list it is of. The digest keeps no secret and guards none, since every query takes
 * the owner: it turns a mix-up into an error, where a list would silently go on in the wrong place.
 */
import { hash } from 'node:crypto'
import type { Task } from '../db/schema/tasks.ts'
import type { TaskList, TaskPosition, TaskSearch } from '../db/tasks.ts'
import { CursorInvalidError } from '../errors.ts'
import { STORABLE_TEXT } from './task-schemas.ts'

/** What of a list a cursor belongs to. The size of the pages may change on the way. */
export type CursorList = Pick<TaskList, 'owner' | 'order' | 'done'> & Partial<Pick<TaskSearch, 'search'>>

const DIGEST_BYTES = 16
const POSITION = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})([\s\S]+)$/
// Up to the year 2286, which Date and Postgres both take.
const MILLISECONDS = /^(?:0|[1-9]\d{0,12})$/
const TEXT = new RegExp(STORABLE_TEXT, 'u')
const MAX_TITLE_LENGTH = 200

export function encodeCursor(list: CursorList, task: Task): string {
  const value = task[list.order.by]
  return seal(list, `${task.id}${value instanceof Date ? value.getTime() : value}`)
}

/** Throws APP_CURSOR_INVALID for what is not the cursor of a page of this list. */
export function decodeCursor(list: CursorList, cursor: string): TaskPosition {
  const position = Buffer.from(cursor, 'base64url').subarray(DIGEST_BYTES).toString()
  // Sealed again, since decoding passes over characters, bits and bytes that mean nothing.
  const [, id, text] = seal(list, position) === cursor ? (POSITION.exec(position) ?? []) : []
  if (id === undefined || text === undefined) throw new CursorInvalidError()
  return { id, value: lastValue(list, text) }
}

/** Anybody can make the digest, so what stands behind it is judged like any other input. */
function lastValue({ order }: CursorList, text: string): Date | string {
  const isTitle = TEXT.test(text) && [...text].length <= MAX_TITLE_LENGTH
  if (order.by === 'title' ? !isTitle : !MILLISECONDS.test(text)) throw new CursorInvalidError()
  return order.by === 'title' ? text : new Date(Number(text))
}

function seal({ owner, order, done, search }: CursorList, position: string): string {
  const text = JSON.stringify([owner, order.by, order.isDescending, done ?? null, search ?? null, position])
  const digest = hash('sha256', text, 'buffer').subarray(0, DIGEST_BYTES)
  return Buffer.concat([digest, Buffer.from(position)]).toString('base64url')
}
