import t from 'tap'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import { said, writeKeyed, writeKeyedTimes } from './support/front.ts'
import { PATIENT, scenario } from './support/scenario.ts'
import { LIMITS, type Service } from './support/service.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0, suspendAfterMs: 0 })

async function suspend(service: Service) {
  await neon.suspend()
  await until(() => service.stats().total === 0)
}

/** What readiness says until the work has ended. */
async function readinessDuring(service: Service, work: Promise<unknown>) {
  const seen = new Set<string>()
  let isOver = false
  const over = work.finally(() => {
    isOver = true
  })
  await until(async () => {
    const { status, body } = await service.send('kubelet', 'GET', '/readyz')
    seen.add(`${status} ${body.status}`)
    return isOver
  })
  await over
  return [...seen]
}

for (const delayMs of [500, 3000]) {
  scenario(t, `many who wait for a wake of ${delayMs} ms`, { neon, limits: PATIENT }, async (t, service) => {
    await suspend(service)
    const { connects } = service.stats()
    const { wakes } = neon.meter()
    neon.inject({ type: 'wake', delayMs })

    const writes = writeKeyedTimes(service, 20)
    await until(() => neon.state !== 'asleep')
    const logins = service.stats().total
    const seen = await readinessDuring(service, writes)

    for (const answer of await writes) t.match(answer, { status: 201 })
    t.equal(logins, 1, 'one login wakes it for all')
    t.equal(neon.meter().wakes - wakes, 1)
    t.ok(service.stats().connects - connects <= LIMITS.max)
    t.match(service.stats(), { connectRetries: 0, connectFailures: 0 })
    t.strictSame(seen, ['200 ok'])
  })
}

scenario(
  t,
  'a wake that takes longer than anybody waits',
  { neon, limits: { connectTimeoutMs: 600 } },
  async (t, service) => {
    await suspend(service)
    neon.inject({ type: 'wake', delayMs: 3000 })

    const answer = await writeKeyed(service)

    t.equal(neon.state, 'waking', 'the answer did not wait for it')
    t.match(answer, { status: 503, code: 'FST_NEON_UNREACHABLE', outcome: 'failed' })
    t.match(answer.headers?.get('retry-after'), /^[123]$/)
    t.equal(said(service, 'database not reached').length, 1)
    t.match(await service.send('kubelet', 'GET', '/readyz'), { status: 200, body: { status: 'degraded' } })
    await until(() => neon.state === 'awake')
  }
)

scenario(t, 'a wake that fails twice', { neon, limits: PATIENT }, async (t, service) => {
  await suspend(service)
  neon.inject({ type: 'wake', message: 'compute-unreachable', times: 2 })

  t.match(await writeKeyed(service), { status: 201 }, 'whoever waited does not notice')

  t.match(service.stats(), { connectRetries: 2, connectFailures: 0 })
  t.match(said(service, 'database not reached'), [{ code: 'FST_NEON_WAKING', reason: 'compute-waking' }])
  t.equal(said(service, 'database not reached').length, 1)
})

scenario(t, 'a wake that goes on failing', { neon }, async (t, service) => {
  await suspend(service)
  const fault = neon.inject({ type: 'wake', message: 'control-plane' })

  const answers = await writeKeyedTimes(service, 8)

  for (const answer of answers) {
    t.match(answer, { status: 503, code: 'FST_NEON_WAKING', outcome: 'failed' })
    t.match(answer.headers?.get('retry-after'), /^[123]$/)
  }
  // With pauses of at least 50, 100, 200, 400, 800 and 1600 ms, whatever the number of those who wait.
  t.ok(fault.hits <= 7, `${fault.hits} tries`)
  t.equal(said(service, 'database not reached').length, 1)
})
