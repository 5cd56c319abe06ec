/**
 * Thousands of requests of which one in a hundred loses its link, at any point: what nobody can fix is the
 * loss of a COMMIT that was sent.
 */
import t from 'tap'
import { afterSend, breakLink, loseAt, type Wire } from '../../packages/fastify-neon/test/support/wire.ts'
import { openSockets, start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { collectGarbage } from '../reliability/support/garbage.ts'
import { randomnessOf } from '../reliability/support/randomness.ts'
import { createServiceDatabase, openService } from '../reliability/support/service.ts'
import { until } from '../support/app.ts'

// Weekly it is ten, and the heap that is left.
const ROUNDS = Number(process.env.LOSS_ROUNDS ?? 2)
const REQUESTS_PER_ROUND = 1000
const AT_ONCE = 20
const LOSSES_IN_100 = 1
const READS_IN_100 = 50

// A kilobyte for each request. The test itself remembers a quarter of that, to judge what is stored.
const MAX_GROWTH_PER_ROUND_BYTES = 1_000_000
// One round may grow by twice as much, when a cache becomes larger; the median of so many does not.
const ROUNDS_OF_MEDIAN = 5

// Where the link breaks: in front of the first message, behind it, at COMMIT, or when nobody holds the client.
const PLACES = ['first', 'after-first', 'commit', 'free'] as const

interface Link extends Wire {
  connection: Wire['connection'] & { parse(...message: unknown[]): void }
}

t.setTimeout(600_000)

t.test(`${ROUNDS * REQUESTS_PER_ROUND} requests, one link in a hundred lost`, async t => {
  const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })
  const socketsBefore = openSockets()
  const service = await openService({
    databaseUrl: await createServiceDatabase(neon),
    // A machine that stalls is none of the losses that are counted.
    limits: {
      max: 10,
      heartbeatIntervalMs: 60_000,
      checkoutTimeoutMs: 60_000,
      connectTimeoutMs: 60_000,
      statementTimeoutMs: 60_000
    }
  })
  t.teardown(service.close)
  await until(() => service.stats().idle === 1)
  const random = randomnessOf(1)
  const pool = service.app.db.$client
  const losses = { all: 0, ofSentCommits: 0 }
  const lostWhenFree = new Map<Link, () => void>()
  let chosen = 0
  let commitsToLose = 0

  pool.on('acquire', (client: Link) => {
    if (!random.isOneIn100(LOSSES_IN_100)) return
    const place = PLACES[chosen % PLACES.length]
    chosen += 1
    const lose = () => {
      losses.all += 1
      breakLink(client)
    }
    if (place === 'commit') commitsToLose += 1
    else if (place === 'free') lostWhenFree.set(client, lose)
    else loseAt(client, 0, place === 'first' ? 'before' : 'behind', lose)
  })
  pool.on('release', (_error: unknown, client: Link) => {
    const lose = lostWhenFree.get(client)
    if (lose) queueMicrotask(lose)
    lostWhenFree.delete(client)
  })
  pool.on('connect', (client: Link) => {
    let isRead = false
    afterSend(client, text => {
      if (text.startsWith('BEGIN')) isRead = text.startsWith('BEGIN read only')
      if (text !== 'COMMIT' || commitsToLose === 0) return
      commitsToLose -= 1
      losses.all += 1
      // Of a read nothing can be lost but its answer, and it is read again.
      if (!isRead) losses.ofSentCommits += 1
      breakLink(client)
    })
  })

  const answers: Record<string, number> = {}
  const heaps: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    await sendRound()
    await service.settle()
    // What the test remembers is no leak of the service.
    service.logs.length = 0
    collectGarbage()
    heaps.push(process.memoryUsage().heapUsed)
  }

  t.comment(JSON.stringify({ answers, losses, heaps }))
  t.ok(losses.all > 5 * ROUNDS, `${losses.all} links were lost`)
  t.ok(losses.ofSentCommits >= ROUNDS / 2)
  const { 200: _read, 201: _written, ...failed } = answers
  t.strictSame(
    failed,
    { '503 FST_NEON_COMMIT_OUTCOME_UNKNOWN': losses.ofSentCommits },
    'the errors are the COMMITs of writes that lost their link'
  )
  t.equal(await service.settle(), 0)
  t.match(await service.verdict(), {
    unknown: losses.ofSentCommits,
    failed: 0,
    lost: 0,
    phantom: 0,
    foreign: 0
  })
  t.strictSame(service.broken, [])
  // The first rounds fill caches.
  const growths = heaps.map((heap, round) => heap - (heaps[round - 1] ?? 0)).slice(3)
  if (growths.length >= ROUNDS_OF_MEDIAN) {
    const growth = growths.sort((a, b) => a - b)[growths.length >> 1] ?? 0
    t.ok(growth < MAX_GROWTH_PER_ROUND_BYTES, `the heap grows by ${growth} bytes a round`)
  }
  await service.close()
  await until(() => openSockets() <= socketsBefore)

  async function sendRound() {
    let left = REQUESTS_PER_ROUND
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, index) => {
        const user = `user-${index}`
        while (left > 0) {
          left -= 1
          const isRead = random.isOneIn100(READS_IN_100)
          const { status = 0, code = '' } = isRead ? await service.read(user) : await service.write(user)
          const answer = `${status} ${code}`.trim()
          answers[answer] = (answers[answer] ?? 0) + 1
        }
      })
    )
  }
})
