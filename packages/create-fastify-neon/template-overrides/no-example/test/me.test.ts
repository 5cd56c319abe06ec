import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startService, type TestService } from './service.ts'

let service: TestService

before(async () => {
  service = await startService()
})
after(() => service.close())

test('a request without a token is refused', async () => {
  const { statusCode } = await service.app.inject('/me')

  assert.equal(statusCode, 401)
})

test('the database knows the signed-in user', async () => {
  const send = await service.as('alice')

  assert.deepEqual((await send({ url: '/me' })).json(), { id: 'alice' })
})

test('a request wakes a database that sleeps', async () => {
  const send = await service.as('alice')
  await service.neon.suspend()

  assert.equal((await send({ url: '/me' })).statusCode, 200)
})
