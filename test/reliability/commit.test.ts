import { randomUUID } from 'node:crypto'
import t from 'tap'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { scenario } from './support/scenario.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })

for (const lose of ['acknowledgement', 'request'] as const) {
  scenario(t, `a COMMIT whose ${lose} is lost`, { neon }, async (t, service) => {
    const fault = neon.inject({ type: 'commit', lose, times: 1 })

    const write = await service.write('alice', { key: randomUUID() })

    t.equal(fault.hits, 1)
    t.match(write, { status: 503, code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN', outcome: 'unknown' })
    t.match(write.headers?.get('retry-after'), /^[123]$/, 'under its key it may be sent again')
  })
}

scenario(t, 'a COMMIT without a key whose answer is lost', { neon }, async (t, service) => {
  neon.inject({ type: 'commit', lose: 'acknowledgement', times: 1 })

  const write = await service.write('alice')

  t.match(write, { status: 503, code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN', outcome: 'unknown' })
  t.equal(write.headers?.get('retry-after'), null)
  t.equal((await service.read('alice')).body.items.length, 1, 'here it was stored')
})
