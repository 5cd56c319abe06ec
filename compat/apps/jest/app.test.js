import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startLocalNeon } from 'local-neon'
import { build } from './app.js'

// Not app.inject(), which Jest cannot load before Node.js 24.9: a dependency of Fastify requires an ES module.
let neon
let app
let url

beforeAll(async () => {
  neon = await startLocalNeon({ wakeDelayMs: 10 })
  app = await build(neon.url)
  url = await app.listen({ port: 0 })
}, 60_000)

afterAll(async () => {
  await app?.close()
  await neon?.close()
})

test('writes a note', async () => {
  const response = await fetch(`${url}/work`)

  expect(response.status).toBe(200)
  expect((await response.json()).text).toBe('hello')
})

test('wakes a database that sleeps', async () => {
  await neon.suspend()

  expect((await fetch(`${url}/notes`)).status).toBe(200)
})
