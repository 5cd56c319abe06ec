import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import fastify from 'fastify'
import db from 'fastify-neon/db'
import { run } from 'graphile-worker'

const app = fastify({ logger: true })
await app.register(db, { connectionString: process.env.DATABASE_URL })

const done = new EventEmitter()
const closing = new AbortController()
let runner
const working = work()

/** A worker that loses its connection while it marks a job as done stops, on any pool: then another one starts. */
async function work() {
  while (!closing.signal.aborted) {
    try {
      runner = await run({
        pgPool: app.db.$client,
        noHandleSignals: true,
        // Longer than a request waits, so that LISTEN has to bring the job.
        pollInterval: 30_000,
        // Without these it does not stop but rejects where nobody can handle it, which ends the process.
        preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
        taskList: { greet: async ({ id }) => done.emit(id) }
      })
      await runner.promise
    } catch (error) {
      app.log.warn(error, 'the worker has stopped')
    }
    await sleep(500, undefined, { signal: closing.signal }).catch(() => {})
  }
}

app.addHook('onClose', async () => {
  closing.abort()
  await runner?.stop().catch(() => {})
  await working
})

app.get('/work', async () => {
  const id = crypto.randomUUID()
  const worked = once(done, id, { signal: AbortSignal.timeout(10_000) })
  const payload = JSON.stringify({ id })
  const added = app.db.execute(sql`select graphile_worker.add_job('greet', ${payload}::json)`)
  await Promise.all([worked, added])
  return { id }
})

process.once('SIGTERM', () => app.close())
await app.listen({ port: Number(process.env.PORT) })
