/**
 * The tasks of the signed-in user.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { disconnectSignal } from 'fastify-neon/db'
import { createTask, deleteTask, findTask, listTasks, updateTask } from '../db/tasks.ts'
import { TaskChangedError, TaskNotFoundError } from '../errors.ts'
import { SEARCH_LIMITS } from '../limits.ts'
import { entityTag, isNamed, readIfMatch } from './entity-tag.ts'
import { Problem, schemaError } from './problems.ts'
import { type CursorList, decodeCursor, encodeCursor } from './task-cursor.ts'
import { createOne, deleteOne, listAll, readOne, updateOne } from './task-operations.ts'
import { type ListQuery, ORDERS, Task } from './task-schemas.ts'
import { createSearch } from './task-search.ts'

const taskRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const config = { idempotent: true }
  fastify.addSchema(Problem)
  fastify.addSchema(Task)
  fastify.setSchemaErrorFormatter(schemaError)
  fastify.addHook('onRequest', fastify.refuseWhenOverloaded)
  fastify.addHook('onRequest', fastify.signIn)
  const search = createSearch(SEARCH_LIMITS)

  fastify.get('/', { schema: listAll }, async ({ db, user, query }, reply) => {
    const list = listOf(user.id, query)
    const after = query.cursor === undefined ? undefined : decodeCursor(list, query.cursor)
    const asked = { ...list, limit: Number(query.limit), after }
    const { items, last } =
      query.q === undefined
        ? await listTasks(db, asked)
        : await search({ ...asked, search: query.q, db, signal: disconnectSignal(reply) })
    return { items, nextCursor: last ? encodeCursor(list, last) : null }
  })

  fastify.post('/', { config, schema: createOne }, async ({ db, user, body }, reply) =>
    reply.sendIdempotent(db, async tx => {
      const task = await createTask(tx, { ...body, owner: user.id })
      const headers = { location: `${fastify.prefix}/${task.id}`, etag: entityTag(task) }
      return { status: 201, headers, body: task }
    })
  )

  fastify.get('/:id', { schema: readOne }, async ({ db, user, params, headers }, reply) => {
    const task = orNotFound(await findTask(db, { owner: user.id, id: params.id }))
    reply.header('etag', entityTag(task))
    return isNamed(headers['if-none-match'], task) ? reply.code(304).send() : task
  })

  fastify.patch('/:id', { config, schema: updateOne }, async ({ db, user, params, headers, body }, reply) => {
    const key = { owner: user.id, id: params.id }
    const versions = readIfMatch(headers['if-match'])
    return reply.sendIdempotent(db, async tx => {
      const task = await updateTask(tx, key, body, versions)
      if (task === undefined) throw await reasonOfNone(tx, key)
      return { status: 200, headers: { etag: entityTag(task) }, body: task }
    })
  })

  fastify.delete('/:id', { config, schema: deleteOne }, async ({ db, user, params, headers }, reply) => {
    const key = { owner: user.id, id: params.id }
    const versions = readIfMatch(headers['if-match'])
    return reply.sendIdempotent(db, async tx => {
      const task = await deleteTask(tx, key, versions)
      if (task === undefined) throw await reasonOfNone(tx, key)
      return { status: 204, body: null }
    })
  })
}

function listOf(owner: string, { sort, done, q }: ListQuery): CursorList {
  return {
    owner,
    order: ORDERS[sort],
    done: done === undefined ? undefined : done === 'true',
    search: q
  }
}

/** Why no row was changed. Another user's task and one that never was get the same answer, whatever If-Match says. */
async function reasonOfNone(...args: Parameters<typeof findTask>) {
  return (await findTask(...args)) ? new TaskChangedError() : new TaskNotFoundError()
}

/** Another user's task and one that never was get the same answer. */
function orNotFound<T>(task: T | undefined): T {
  if (task === undefined) throw new TaskNotFoundError()
  return task
}

export default taskRoutes
