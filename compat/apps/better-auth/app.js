import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import fastify from 'fastify'
import db from 'fastify-neon/db'

const app = fastify({ logger: true })
await app.register(db, { connectionString: process.env.DATABASE_URL })

const auth = betterAuth({
  baseURL: 'http://127.0.0.1',
  secret: randomBytes(32).toString('hex'),
  database: app.db.$client,
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false }
})
const { runMigrations } = await getMigrations(auth.options)
await runMigrations()

app.get('/work', async () => {
  const body = { name: 'Alice', email: `${randomUUID()}@example.com`, password: randomUUID() }
  await auth.api.signUpEmail({ body })
  const { headers } = await auth.api.signInEmail({ body, returnHeaders: true })
  const cookie = headers.get('set-cookie')
  const session = await auth.api.getSession({ headers: new Headers({ cookie }) })
  assert.equal(session.user.email, body.email)
  return session.user
})

process.once('SIGTERM', () => app.close())
await app.listen({ port: Number(process.env.PORT) })
