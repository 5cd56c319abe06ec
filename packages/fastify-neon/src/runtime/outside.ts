/**
 * Work of the process itself that begins because of something in a request, such as the reconnect after a lost
 * connection. It belongs to no request, and neither to its trace.
 */
import { AsyncResource } from 'node:async_hooks'

const OUTSIDE = new AsyncResource('fastify-neon')

/** Runs the work without the async context of the caller. */
export function outsideOfRequests<T>(work: () => T): T {
  return OUTSIDE.runInAsyncScope(work)
}
