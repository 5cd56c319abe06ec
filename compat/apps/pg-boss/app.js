import { EventEmitter, once } from 'node:events'
import fastify from 'fastify'
import db from 'fastify-neon/db'
import { PgBoss } from 'pg-boss'

const app = fastify({ logger: true })
await app.register(db, { connectionString: process.env.DATABASE_URL })

const boss = new PgBoss({ db: { executeSql: (text, values) => app.db.$client.query(text, values) } })
boss.on('error', error => app.log.warn(error, 'pg-boss'))
app.addHook('onClose', () => boss.stop())

const done = new EventEmitter()
await boss.start()
await boss.createQueue('greet')
await boss.work('greet', { pollingIntervalSeconds: 0.5 }, async jobs => {
  for (const { id } of jobs) done.emit(id)
})

app.get('/work', async () => {
  const id = crypto.randomUUID()
  const worked = once(done, id, { signal: AbortSignal.timeout(15_000) })
  await Promise.all([worked, boss.send('greet', { name: 'Alice' }, { id })])
  return { id }
})

process.once('SIGTERM', () => app.close())
await app.listen({ port: Number(process.env.PORT) })
