/**
 * Twenty users at once on a few connections: each is shown their own tasks, on sessions that others had.
 */
import t from 'tap'
import { afterSend, type Wire } from '../../packages/fastify-neon/test/support/wire.ts'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { createServiceDatabase, openService } from '../reliability/support/service.ts'

// More among the soak tests, and thirty with `npm run isolation`.
const SECONDS = Number(process.env.ISOLATION_SECONDS ?? 1)
const REQUESTS_AT_ONCE = 200
const USERS = 20
const MAX = 4

// Claim, role and the number of the pipeline are the last parameters of their statement.
const IDENTITY = /set_config\('app\.user_id', \$/

t.test(`H14 ${REQUESTS_AT_ONCE} requests at once of ${USERS} users for ${SECONDS} s`, async t => {
  const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })
  const service = await openService({
    databaseUrl: await createServiceDatabase(neon),
    limits: { max: MAX, checkoutTimeoutMs: 60_000, connectTimeoutMs: 60_000, statementTimeoutMs: 60_000 }
  })
  t.teardown(service.close)
  const usersOfSession = new Map<number, Set<string>>()
  service.app.db.$client.on('connect', (client: Wire & { processID: number }) => {
    afterSend(client, (text, values) => {
      const claim = values.at(-3)
      if (!IDENTITY.test(text) || claim === undefined) return
      const users = usersOfSession.get(client.processID) ?? new Set()
      usersOfSession.set(client.processID, users.add(claim))
    })
  })
  const endsAt = performance.now() + SECONDS * 1000
  const answers: Record<number, number> = {}

  await Promise.all(
    Array.from({ length: REQUESTS_AT_ONCE }, async (_, index) => {
      const user = `user-${index % USERS}`
      while (performance.now() < endsAt) {
        const { status = 0 } = index % 2 === 0 ? await service.write(user) : await service.read(user)
        answers[status] = (answers[status] ?? 0) + 1
      }
    })
  )

  const shared = [...usersOfSession.values()].map(users => users.size)
  t.comment(JSON.stringify({ answers, usersOfSessions: shared }))
  t.strictSame(Object.keys(answers), ['200', '201'])
  t.match(await service.verdict(), { foreign: 0, lost: 0, phantom: 0, failed: 0, unknown: 0 })
  t.ok(shared.length <= MAX)
  t.ok(
    shared.every(users => users > 1),
    'each session served several of them'
  )
})
