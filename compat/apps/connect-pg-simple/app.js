import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import cookie from '@fastify/cookie'
import session from '@fastify/session'
import connectPgSimple from 'connect-pg-simple'
import fastify from 'fastify'
import db from 'fastify-neon/db'

const app = fastify({ logger: true })
await app.register(db, { connectionString: process.env.DATABASE_URL })
await app.register(cookie)

const PgStore = connectPgSimple(session)
const store = new PgStore({ pool: app.db.$client, createTableIfMissing: true })
app.addHook('onClose', () => store.close())
await app.register(session, { store, secret: randomBytes(32).toString('hex'), cookie: { secure: false } })

app.post('/login', async request => {
  request.session.name = 'Alice'
  await request.session.save()
  return {}
})
app.get('/name', async request => ({ name: request.session.name }))

app.get('/work', async () => {
  const login = await app.inject({ method: 'POST', url: '/login' })
  const [{ name, value }] = login.cookies
  const answer = await app.inject({ url: '/name', cookies: { [name]: value } })
  assert.deepEqual(answer.json(), { name: 'Alice' })
  return answer.json()
})

process.once('SIGTERM', () => app.close())
await app.listen({ port: Number(process.env.PORT) })
