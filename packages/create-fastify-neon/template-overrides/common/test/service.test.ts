import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startService, type TestService } from './service.ts'

let service: TestService

before(async () => {
  service = await startService()
})
after(() => service.close())

test('the process is alive, and becomes ready', async () => {
  const { app } = service

  assert.equal((await app.inject('/livez')).statusCode, 200)
  while ((await app.inject('/readyz')).statusCode !== 200) await sleep(10)
})

test('metrics are given in the format of Prometheus', async () => {
  const { statusCode, body } = await service.app.inject('/metrics')

  assert.equal(statusCode, 200)
  assert.match(body, /^# HELP /m)
})

test('a path that no route has is a 404', async () => {
  const { statusCode, headers } = await service.app.inject('/no-such-path')

  assert.equal(statusCode, 404)
  assert.match(`${headers['content-type']}`, /^application\/problem\+json/)
})
