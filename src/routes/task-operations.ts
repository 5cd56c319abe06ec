/**
 * The routes of /tasks as their schemas have them: what is checked, what is serialized, and what the
 * OpenAPI document says of them.
 */
import {
  CursorInvalidError,
  EntityTagInvalidError,
  IdempotencyKeyInUseError,
  IdempotencyKeyInvalidError,
  IdempotencyKeyReusedError,
  SearchTimeoutError,
  TaskChangedError,
  TaskNotFoundError,
  TooManySearchesError
} from '../errors.ts'
import { BODY_REFUSALS, problemResponses } from './problems.ts'
import {
  CreatedTask,
  CreateTaskBody,
  Deleted,
  IdempotencyKey,
  IfNoneMatch,
  ListQuery,
  NotModified,
  OneTask,
  TaskPage,
  TaskParams,
  UpdateTaskBody,
  WriteHeaders
} from './task-schemas.ts'

const ofUser = { tags: ['tasks'], security: [{ bearer: [] }] }

const IDEMPOTENCY = [IdempotencyKeyInvalidError, IdempotencyKeyInUseError, IdempotencyKeyReusedError]
const CONDITION = [TaskNotFoundError, TaskChangedError, EntityTagInvalidError]

export const listAll = {
  ...ofUser,
  operationId: 'listTasks',
  summary: 'The tasks of the user, a page at a time',
  querystring: ListQuery,
  response: {
    200: TaskPage,
    ...problemResponses(CursorInvalidError, SearchTimeoutError, TooManySearchesError)
  }
}

export const createOne = {
  ...ofUser,
  operationId: 'createTask',
  summary: 'Makes a task',
  headers: IdempotencyKey,
  body: CreateTaskBody,
  response: { 201: CreatedTask, ...problemResponses(...BODY_REFUSALS, ...IDEMPOTENCY) }
}

export const readOne = {
  ...ofUser,
  operationId: 'getTask',
  summary: 'One task',
  params: TaskParams,
  headers: IfNoneMatch,
  response: { 200: OneTask, 304: NotModified, ...problemResponses(TaskNotFoundError, EntityTagInvalidError) }
}

export const updateOne = {
  ...ofUser,
  operationId: 'updateTask',
  summary: 'Changes a task',
  params: TaskParams,
  headers: WriteHeaders,
  body: UpdateTaskBody,
  response: { 200: OneTask, ...problemResponses(...BODY_REFUSALS, ...IDEMPOTENCY, ...CONDITION) }
}

export const deleteOne = {
  ...ofUser,
  operationId: 'deleteTask',
  summary: 'Deletes a task',
  params: TaskParams,
  headers: WriteHeaders,
  response: { 204: Deleted, ...problemResponses(...IDEMPOTENCY, ...CONDITION) }
}
