import { startLocalNeon } from 'local-neon'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build } from './app.js'

let neon
let app

beforeAll(async () => {
  neon = await startLocalNeon({ wakeDelayMs: 10 })
  app = await build(neon.url)
}, 60_000)

afterAll(async () => {
  await app?.close()
  await neon?.close()
})

test('writes a note', async () => {
  const response = await app.inject('/work')

  expect(response.statusCode).toBe(200)
  expect(response.json().text).toBe('hello')
})

test('wakes a database that sleeps', async () => {
  await neon.suspend()

  expect((await app.inject('/notes')).statusCode).toBe(200)
})
