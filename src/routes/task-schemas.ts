/**
 * What /tasks takes and answers, derived from the table and closed on both sides.
 */
import { type Static, Type } from '@sinclair/typebox'
import { createInsertSchema, createSelectSchema } from 'drizzle-typebox'
import { tasks } from '../db/schema/tasks.ts'
import type { TaskOrder } from '../db/tasks.ts'
import { IDEMPOTENCY_KEY } from '../plugins/idempotency/key.ts'
import { ENTITY_TAGS } from './entity-tag.ts'

const closed = { additionalProperties: false }

// Postgres stores no NUL in text, and a lone surrogate would come back as another character.
export const STORABLE_TEXT = '^[^\\u0000\\ud800-\\udfff]*$'

// The format of this name would also take `urn:uuid:…`, which Postgres does not.
const UUID = '^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'

// Base64 of a digest, an id, and a value: one digit, or the longest title at four bytes a character.
const MIN_CURSOR_LENGTH = Math.ceil(((16 + 36 + 1) * 4) / 3)
export const MAX_CURSOR_LENGTH = Math.ceil(((16 + 36 + 4 * 200) * 4) / 3)

const Title = Type.String({ minLength: 1, maxLength: 200, pattern: STORABLE_TEXT })
const Notes = Type.String({ maxLength: 10_000, pattern: STORABLE_TEXT })
// The driver gives a Date, which JSON writes as ISO 8601.
const Timestamp = Type.Unsafe<Date>(Type.String({ format: 'date-time' }))

const SelectTask = createSelectSchema(tasks, {
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer({ minimum: 1, description: 'One more with each change; in quotes it is the ETag' })
})
const InsertTask = createInsertSchema(tasks, { title: Title, notes: Type.Optional(Notes) })

/** The owner is left out: whoever reads a task is its owner. */
export const Task = Type.Omit(SelectTask, ['owner'], { ...closed, $id: 'Task' })
const taskRef = Type.Unsafe<Static<typeof Task>>({ $ref: 'Task#' })

const ETAG = { type: 'string', description: 'The version of the task, for If-Match and If-None-Match' }

/** The answer with one task, whose ETag is in the header. */
const oneTask = (headers: object) =>
  Type.Unsafe<Static<typeof Task>>({
    $ref: 'Task#',
    description: 'The task',
    headers: { ETag: ETAG, ...headers }
  })
export const OneTask = oneTask({})
export const CreatedTask = oneTask({ Location: { type: 'string', description: 'The URL of the task' } })
export const TaskPage = Type.Object(
  {
    items: Type.Array(taskRef),
    nextCursor: Type.Union([Type.String(), Type.Null()], {
      description:
        'Passed as cursor for the next page; null on the last one. With q a page may have fewer tasks than limit, or none, and not be the last'
    })
  },
  { ...closed, description: 'A page of tasks' }
)
// Not null, which is a body of four bytes.
export const NotModified = Type.Unsafe<undefined>({
  type: 'null',
  description: 'The task is as If-None-Match names it'
})
export const Deleted = Type.Null({ description: 'The task is deleted' })

export const CreateTaskBody = Type.Pick(InsertTask, ['title', 'notes'], closed)
export const UpdateTaskBody = Type.Object(
  { title: Type.Optional(Title), notes: Type.Optional(Notes), done: Type.Optional(Type.Boolean()) },
  { ...closed, minProperties: 1 }
)

export const TaskParams = Type.Object({ id: Type.String({ pattern: UUID }) }, closed)

/** By what a list can be sorted, and by nothing else. */
export const ORDERS = {
  '-createdAt': { by: 'createdAt', isDescending: true },
  createdAt: { by: 'createdAt', isDescending: false },
  '-updatedAt': { by: 'updatedAt', isDescending: true },
  updatedAt: { by: 'updatedAt', isDescending: false },
  '-title': { by: 'title', isDescending: true },
  title: { by: 'title', isDescending: false }
} as const satisfies Record<string, TaskOrder>

const Query = Type.Object(
  {
    done: Type.Optional(Type.Unsafe<'true' | 'false'>({ type: 'string', enum: ['true', 'false'] })),
    q: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        pattern: STORABLE_TEXT,
        description: 'Plain text in title or notes, in upper or lower case'
      })
    ),
    sort: Type.Optional(
      Type.Unsafe<keyof typeof ORDERS>({
        type: 'string',
        enum: Object.keys(ORDERS),
        default: '-createdAt',
        description: 'Descending with -'
      })
    ),
    // A query string holds text; nothing is converted behind the caller's back.
    limit: Type.Optional(
      Type.String({ pattern: '^(?:[1-9]|[1-9][0-9]|100)$', default: '20', description: '1 to 100' })
    ),
    cursor: Type.Optional(
      Type.String({
        pattern: `^[\\w-]{${MIN_CURSOR_LENGTH},${MAX_CURSOR_LENGTH}}$`,
        description: 'nextCursor of the page before, with the same done, q and sort'
      })
    )
  },
  closed
)

/** What has a default is always there when the route looks. */
export type ListQuery = Static<typeof Query> & { sort: keyof typeof ORDERS; limit: string }
export const ListQuery = Type.Unsafe<ListQuery>(Query)

/** Not closed: a request has many headers. */
export const IfNoneMatch = Type.Object({
  'if-none-match': Type.Optional(
    Type.String({
      pattern: ENTITY_TAGS,
      description: 'ETags, or *. 304 when one of them is that of the task'
    })
  )
})
const Key = Type.Optional(
  Type.String({
    pattern: IDEMPOTENCY_KEY,
    description: 'Repeated under the same key, a request is carried out once. A UUID'
  })
)
export const IdempotencyKey = Type.Object({ 'idempotency-key': Key })
export const WriteHeaders = Type.Object({
  'idempotency-key': Key,
  'if-match': Type.Optional(
    Type.String({
      pattern: ENTITY_TAGS,
      description: 'ETags, or *. 412 when none of them is that of the task'
    })
  )
})
