import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { startService, type TestService } from './service.ts'

let service: TestService

before(async () => {
  service = await startService()
})
after(() => service.close())

test('a request without a token is refused', async () => {
  const { statusCode } = await service.app.inject('/tasks')

  assert.equal(statusCode, 401)
})

test('a task is created, read, changed and deleted', async () => {
  const send = await service.as('alice')

  const created = await send({ method: 'POST', url: '/tasks', payload: { title: 'Water the plants' } })
  assert.equal(created.statusCode, 201)
  const url = `${created.headers.location}`

  const changed = await send({ method: 'PATCH', url, payload: { done: true } })
  assert.equal(changed.json().done, true)
  assert.equal((await send({ url })).json().title, 'Water the plants')

  assert.equal((await send({ method: 'DELETE', url })).statusCode, 204)
  assert.equal((await send({ url })).statusCode, 404)
})

test('a user does not see the tasks of another one', async () => {
  const alice = await service.as('alice')
  const bob = await service.as('bob')
  const created = await alice({ method: 'POST', url: '/tasks', payload: { title: 'For Alice' } })

  assert.equal((await bob({ url: `${created.headers.location}` })).statusCode, 404)
  assert.deepEqual((await bob({ url: '/tasks' })).json().items, [])
})

test('a request that is repeated under its Idempotency-Key is carried out once', async () => {
  const send = await service.as('carol')
  const request = {
    method: 'POST',
    url: '/tasks',
    headers: { 'idempotency-key': randomUUID() },
    payload: { title: 'Once' }
  } as const

  const first = await send(request)
  const second = await send(request)

  assert.deepEqual(second.json(), first.json())
  assert.equal((await send({ url: '/tasks' })).json().items.length, 1)
})

test('a request wakes a database that sleeps', async () => {
  const send = await service.as('alice')
  await service.neon.suspend()

  assert.equal((await send({ url: '/tasks' })).statusCode, 200)
})
