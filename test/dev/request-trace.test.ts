import t from 'tap'
import { traceRequestThroughWake, treeOf } from '../../dev/request-trace.ts'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'

const neon = await start(t, { wakeDelayMs: 50, wakeJitterMs: 0, suspendAfterMs: 0 })

t.test('a request that wakes the database is one trace, from HTTP to COMMIT', async t => {
  const spans = await traceRequestThroughWake(neon, t.testdir({}))

  t.equal(neon.meter().wakes, 1)
  t.equal(
    treeOf(spans).replaceAll(/ {2,}\d+ ms/g, ''),
    `request
  handler - taskRoutes
    transaction
      checkout
        wake
          connect
      INSERT tasks
      COMMIT`
  )
  const [request] = spans.filter(({ name }) => name === 'request')
  t.equal(request?.attributes['http.response.status_code'], 201)
})
