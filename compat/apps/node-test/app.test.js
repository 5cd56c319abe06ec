import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startLocalNeon } from 'local-neon'
import { build } from './app.js'

let neon
let app

before(async () => {
  neon = await startLocalNeon({ wakeDelayMs: 10 })
  app = await build(neon.url)
})

after(async () => {
  await app?.close()
  await neon?.close()
})

test('writes a note', async () => {
  const response = await app.inject('/work')

  assert.equal(response.statusCode, 200)
  assert.equal(response.json().text, 'hello')
})

test('wakes a database that sleeps', async () => {
  await neon.suspend()

  assert.equal((await app.inject('/notes')).statusCode, 200)
})
