/**
 * `npm run trace`: prints the trace of a request that wakes the database.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLocalNeon } from 'local-neon'
import { traceRequestThroughWake, treeOf } from './request-trace.ts'

/* c8 ignore start -- a command, whose parts are tested (test/dev/request-trace.test.ts) */

// In the middle of what Neon takes.
const WAKE_DELAY_MS = 400

const directory = await mkdtemp(join(tmpdir(), 'fastify-neon-trace-'))
const neon = await startLocalNeon({
  port: 0,
  suspendAfterMs: 0,
  wakeDelayMs: WAKE_DELAY_MS,
  wakeJitterMs: 0,
  fsync: false,
  log: () => {}
})
try {
  process.stdout.write(`${treeOf(await traceRequestThroughWake(neon, directory))}\n`)
} finally {
  await neon.close()
  await rm(directory, { recursive: true, force: true })
}
