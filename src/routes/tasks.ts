/**
 * The tasks of the signed-in user.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { createTask, deleteTask, findTask, listTasks, updateTask } from '../db/tasks.ts'
import { TaskNotFoundError } from '../errors.ts'
import { decodeCursor, encodeCursor } from './task-cursor.ts'
import {
  CreateTaskBody,
  ListQuery,
  PROBLEM_RESPONSES,
  TaskBody,
  TaskPage,
  TaskParams,
  UpdateTaskBody
} from './task-schemas.ts'

const taskRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const config = { idempotent: true }
  fastify.addHook('onRequest', fastify.authenticate)

  fastify.get(
    '/',
    { schema: { querystring: ListQuery, response: { 200: TaskPage, ...PROBLEM_RESPONSES } } },
    async ({ db, user, query }) => {
      const limit = Number(query.limit)
      const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor)
      // One row more than the page tells whether there is a next one.
      const rows = await listTasks(db, user.id, limit + 1, after)
      const items = rows.slice(0, limit)
      const last = items.at(-1)
      return { items, nextCursor: rows.length > limit && last ? encodeCursor(last) : null }
    }
  )

  fastify.post(
    '/',
    { config, schema: { body: CreateTaskBody, response: { 201: TaskBody, ...PROBLEM_RESPONSES } } },
    async ({ db, user, body }, reply) =>
      reply.sendOnce(db, async tx => {
        const task = await createTask(tx, { ...body, owner: user.id })
        return { status: 201, headers: { location: `${fastify.prefix}/${task.id}` }, body: task }
      })
  )

  fastify.get(
    '/:id',
    { schema: { params: TaskParams, response: { 200: TaskBody, ...PROBLEM_RESPONSES } } },
    async ({ db, user, params }) => orNotFound(await findTask(db, { owner: user.id, id: params.id }))
  )

  fastify.patch(
    '/:id',
    {
      config,
      schema: { params: TaskParams, body: UpdateTaskBody, response: { 200: TaskBody, ...PROBLEM_RESPONSES } }
    },
    async ({ db, user, params, body }, reply) =>
      reply.sendOnce(db, async tx => {
        const task = orNotFound(await updateTask(tx, { owner: user.id, id: params.id }, body))
        return { status: 200, body: task }
      })
  )

  fastify.delete(
    '/:id',
    { config, schema: { params: TaskParams, response: { 204: Type.Null(), ...PROBLEM_RESPONSES } } },
    async ({ db, user, params }, reply) =>
      reply.sendOnce(db, async tx => {
        orNotFound(await deleteTask(tx, { owner: user.id, id: params.id }))
        return { status: 204, body: null }
      })
  )
}

/** Another user's task and one that never was get the same answer. */
function orNotFound<T>(task: T | undefined): T {
  if (task === undefined) throw new TaskNotFoundError()
  return task
}

export default taskRoutes
