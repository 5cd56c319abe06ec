/**
 * The cursor of a page of tasks: the position of its last row, opaque to clients.
 */
import type { TaskPosition } from '../db/tasks.ts'
import { CursorInvalidError } from '../errors.ts'

// Milliseconds up to the year 2286, which Date and Postgres both take.
const POSITION = /^(\d{1,13})\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/

export function encodeCursor({ createdAt, id }: TaskPosition): string {
  return Buffer.from(`${createdAt.getTime()}.${id}`).toString('base64url')
}

export function decodeCursor(cursor: string): TaskPosition {
  const [, createdAtMs, id] = POSITION.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (createdAtMs === undefined || id === undefined) throw new CursorInvalidError()
  return { createdAt: new Date(Number(createdAtMs)), id }
}
