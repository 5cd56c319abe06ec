/**
 * What /tasks takes and answers, derived from the table and closed on both sides.
 */
import { type Static, Type } from '@sinclair/typebox'
import { createInsertSchema, createSelectSchema } from 'drizzle-typebox'
import { tasks } from '../db/schema/tasks.ts'

const closed = { additionalProperties: false }

// Postgres stores no NUL in text, and a lone surrogate would come back as another character.
const STORABLE_TEXT = '^[^\\u0000\\ud800-\\udfff]*$'

// The format of this name would also take `urn:uuid:…`, which Postgres does not.
const UUID = '^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'

const Title = Type.String({ minLength: 1, maxLength: 200, pattern: STORABLE_TEXT })
const Notes = Type.String({ maxLength: 10_000, pattern: STORABLE_TEXT })
// The driver gives a Date, which JSON writes as ISO 8601.
const Timestamp = Type.Unsafe<Date>(Type.String({ format: 'date-time' }))

const SelectTask = createSelectSchema(tasks, { createdAt: Timestamp, updatedAt: Timestamp })
const InsertTask = createInsertSchema(tasks, { title: Title, notes: Type.Optional(Notes) })

/** The owner is left out: whoever reads a task is its owner. */
export const TaskBody = Type.Omit(SelectTask, ['owner'], closed)
export const TaskPage = Type.Object(
  {
    items: Type.Array(TaskBody),
    /** Passed as `cursor` for the next page; null on the last one. */
    nextCursor: Type.Union([Type.String(), Type.Null()])
  },
  closed
)

export const CreateTaskBody = Type.Pick(InsertTask, ['title', 'notes'], closed)
export const UpdateTaskBody = Type.Object(
  { title: Type.Optional(Title), notes: Type.Optional(Notes), done: Type.Optional(Type.Boolean()) },
  { ...closed, minProperties: 1 }
)

export const TaskParams = Type.Object({ id: Type.String({ pattern: UUID }) }, closed)
export const ListQuery = Type.Object(
  {
    // A query string holds text; nothing is converted behind the caller's back.
    limit: Type.String({ pattern: '^(?:[1-9]|[1-9][0-9]|100)$', default: '20', description: '1 to 100' }),
    cursor: Type.Optional(Type.String({ maxLength: 100, pattern: '^[\\w-]+$' }))
  },
  closed
)
export type ListQuery = Static<typeof ListQuery>

const ProblemBody = Type.Object(
  {
    type: Type.Literal('about:blank'),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String(),
    detail: Type.String()
  },
  closed
)

/** Every route of a signed-in user may answer these. */
export const PROBLEM_RESPONSES = {
  400: ProblemBody,
  401: ProblemBody,
  404: ProblemBody,
  409: ProblemBody,
  413: ProblemBody,
  415: ProblemBody,
  422: ProblemBody,
  500: ProblemBody,
  503: ProblemBody
}
