/**
 * Owns the Idempotency-Key: a request that is repeated under the same key, as after a COMMIT
 * of unknown outcome, is carried out once and answered the same each time.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { disconnectSignal } from 'fastify-neon/db'
import fp from 'fastify-plugin'
import type { Executor } from '../../db/executor.ts'
import { claimKey, type StoredAnswer, storeAnswer } from '../../db/idempotency-keys.ts'
import type { KeptHeaders } from '../../db/schema/idempotency-keys.ts'
import { IdempotencyKeyInUseError, IdempotencyKeyReusedError } from '../../errors.ts'
import { fingerprintOf, parseIdempotencyKey } from './key.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Takes an Idempotency-Key. The handler then answers with `reply.sendIdempotent`. @default false */
    idempotent?: boolean
  }
  interface FastifyRequest {
    /** The key, on a route that takes one, when the client sent one. */
    readonly idempotencyKey: string | undefined
  }
  interface FastifyReply {
    /**
     * Runs the work in a transaction of `db`, such as `request.db`, and sends its answer. With a key the answer is
     * stored in that transaction, and a repeated request gets it without the work. When the connection
     * is lost before COMMIT, or the transaction met another one, the work is run again: it may have
     * no effect but on the database. What the
     * work throws is stored nowhere, since it is rolled back: the key stays free. A client that
     * disconnects ends it, until COMMIT is sent.
     */
    sendIdempotent(db: FastifyRequest['db'], work: (tx: Executor) => Promise<Answer>): Promise<FastifyReply>
  }
}

export interface Answer {
  status: number
  headers?: KeptHeaders
  /** As the route's response schema takes it; null for none. */
  body: unknown
}

const HEADER = 'idempotency-key'
// A lost connection is lost once; transactions that meet again and again are told so.
const RETRY = 2
const REPLAYED_HEADER = 'idempotency-replayed'

async function idempotencyPlugin(fastify: FastifyInstance) {
  const keys = new WeakMap<object, string>()

  fastify.decorateRequest('idempotencyKey', {
    getter() {
      return keys.get(this)
    }
  })
  fastify.decorateReply('sendIdempotent', sendIdempotent)
  fastify.addHook('preHandler', async request => {
    const header = request.headers[HEADER]
    if (header === undefined || request.routeOptions.config.idempotent !== true) return
    keys.set(request, parseIdempotencyKey(header))
  })
}

async function sendIdempotent(
  this: FastifyReply,
  db: FastifyRequest['db'],
  work: (tx: Executor) => Promise<Answer>
): Promise<FastifyReply> {
  const { idempotencyKey: key } = this.request
  const options = { signal: disconnectSignal(this), retry: RETRY }
  if (key === undefined) {
    const { status, headers = {}, body } = await db.transaction(work, options)
    return this.code(status)
      .headers({ ...headers })
      .send(body)
  }
  const { status, headers, body, isReplayed } = await db.transaction(
    tx => answerOnce(tx, this, key, work),
    options
  )
  this.code(status).headers({ ...headers, ...(isReplayed && { [REPLAYED_HEADER]: 'true' }) })
  // Written out already, so that the first answer and the repeated one are the same to the byte.
  return body === null ? this.send() : this.type('application/json; charset=utf-8').send(body)
}

async function answerOnce(
  tx: Executor,
  reply: FastifyReply,
  key: string,
  work: (tx: Executor) => Promise<Answer>
): Promise<StoredAnswer & { isReplayed: boolean }> {
  const { request } = reply
  const name = { owner: request.user.id, key }
  const fingerprint = fingerprintOf(request)
  const { isOurs, answer: before } = await claimKey(tx, name)
  if (before && before.fingerprint !== fingerprint) throw new IdempotencyKeyReusedError()
  if (before) return { ...before, isReplayed: true }
  if (!isOurs) throw new IdempotencyKeyInUseError()

  const { status, headers = {}, body } = await work(tx)
  // The response schema goes by the status.
  const text = body === null ? null : String(reply.code(status).serialize(body))
  const answer = { fingerprint, status, headers, body: text }
  if (!(await storeAnswer(tx, name, answer))) throw new IdempotencyKeyInUseError()
  return { ...answer, isReplayed: false }
}

export default fp(idempotencyPlugin, { name: 'idempotency', fastify: '5.x', dependencies: ['request-db'] })
