/**
 * Suspends and wakes under load: nothing that was acknowledged is lost, and nothing
 * stays behind.
 */
import pg from 'pg'
import t from 'tap'
import type { LocalNeon, LocalNeonEvent } from '../src/local-neon.ts'
import { groupOf, isGone, openSockets, start, until } from './fixtures/sandbox.ts'

// Forty among the soak tests.
const CYCLES = Number(process.env.SUSPENSIONS ?? 5)
const CLIENTS = 20
/** Insertions before the next suspension: each client is in the middle of something then. */
const INSERTIONS_PER_CYCLE = CLIENTS

// Two thousand logins and a hundred starts of Postgres are two minutes of processor time on a slow machine.
t.setTimeout(400_000)

t.test('sleeping and waking under load', async t => {
  const events: LocalNeonEvent[] = []
  const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0, suspendAfterMs: 0 })
  neon.observe(event => events.push(event))
  const groups = new Set<number>()
  await run(neon, 'CREATE TABLE written (client int, number int)')
  const socketsBefore = openSockets()
  const load = startLoad(neon)

  for (let cycle = 0; cycle < CYCLES; cycle += 1) {
    const soFar = load.acknowledged.length
    await until('clients are at work', () => load.acknowledged.length >= soFar + INSERTIONS_PER_CYCLE)
    groups.add(groupOf(Number(neon.postgresPid)))
    await neon.suspend()
  }
  await load.stop()

  t.test('loses no row that was acknowledged, and makes none twice', async t => {
    const { rows } = await run(neon, 'SELECT client, number, count(*)::int FROM written GROUP BY 1, 2')
    const counts = new Map(rows.map(({ client, number, count }) => [`${client}/${number}`, count]))

    t.strictSame(
      load.acknowledged.filter(key => counts.get(key) !== 1),
      []
    )
    t.ok(load.acknowledged.length >= CYCLES * INSERTIONS_PER_CYCLE)
    // One that was under way is there or not, and its client cannot know.
    const unknown = rows.length - load.acknowledged.length
    t.ok(
      unknown >= 0 && unknown <= load.failures(),
      `${unknown} of ${load.failures()} lost answers were commits`
    )
  })

  t.test('has a meter that agrees with what was told', async t => {
    const { wakes, sessions } = neon.meter()

    t.equal(events.filter(({ type }) => type === 'suspend').length, CYCLES)
    t.equal(events.filter(({ type }) => type === 'wake').length, wakes)
    t.equal(events.filter(({ type }) => type === 'login').length, sessions)
    t.equal(wakes, CYCLES)
  })

  t.test('leaves no process and no socket behind', async t => {
    groups.delete(groupOf(Number(neon.postgresPid)))

    t.strictSame(
      [...groups].filter(group => !isGone(-group)),
      []
    )
    await until('all sockets are closed', () => openSockets() <= socketsBefore)
    t.pass('closed')
  })
})

interface Load {
  /** What each client was told is committed. */
  acknowledged: string[]
  /** How many insertions ended without an answer. */
  failures(): number
  stop(): Promise<void>
}

/** Clients that write one row after the other, and come again when their connection is gone. */
function startLoad(neon: LocalNeon): Load {
  const acknowledged: string[] = []
  let failed = 0
  let isOver = false
  const clients = Array.from({ length: CLIENTS }, (_, index) => work(index))

  return {
    acknowledged,
    failures: () => failed,
    async stop() {
      isOver = true
      await Promise.all(clients)
    }
  }

  async function work(index: number): Promise<void> {
    let number = 0
    while (!isOver) {
      const client = new pg.Client(neon.url)
      client.on('error', () => {})
      try {
        await client.connect()
        while (!isOver) {
          number += 1
          await client.query('INSERT INTO written VALUES ($1, $2)', [index, number])
          acknowledged.push(`${index}/${number}`)
        }
        await client.end()
      } catch {
        failed += 1
      }
    }
  }
}

async function run(neon: LocalNeon, text: string) {
  const client = new pg.Client(neon.url)
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}
