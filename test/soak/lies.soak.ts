/**
 * A peer that lies: each message that a server may send, and each wrong, at each message of the answers to reads of
 * several users on one connection. `test/weekly/lies-unshared.ts` is the same with one after another.
 */
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { createDatabase as createDrizzle } from '../../packages/fastify-neon/src/drizzle/database.ts'
import { openPool } from '../../packages/fastify-neon/test/support/pools.ts'
import { lieEverywhere } from '../reliability/support/lies.ts'
import { type Lies, lieInLanes, MAX_PIPELINED } from '../reliability/support/lies-in-lanes.ts'
import { openFront } from '../reliability/support/tamper.ts'
import { createDatabase, readServer } from '../support/postgres.ts'

t.setTimeout(900_000)

const STATEMENT_TIMEOUT_MS = 200

lieInLanes(t, 'at every point of a pipeline', lieToUsers)

async function lieToUsers(t: Test, lies: Lies) {
  const front = await openFront(t, readServer())
  const { pool } = await openPool(
    t,
    { max: 1, maxPipelined: MAX_PIPELINED, statementTimeoutMs: STATEMENT_TIMEOUT_MS },
    front.through(await createDatabase(t))
  )
  const db = createDrizzle(pool)
  let round = 0
  let answered = 0
  return { ...(await lieEverywhere({ front, lies, ask })), answered }

  async function ask() {
    round += 1
    const questions = ['alice', 'bob', 'carol'].map(async (name, index) => {
      const claim = `${name} ${round}`
      const as = db.$withClaims({ 'app.user_id': claim }, { readOnly: true })
      // One that is prepared, and one that is new each time.
      const text = index === 0 ? sql.raw(`, ${round} as n`) : sql``
      const { rows } = await as.execute(sql`select current_setting('app.user_id') as claim${text}`)
      return { claim, found: rows.map(row => row.claim).join() }
    })
    const wrong: string[] = []
    for (const outcome of await Promise.allSettled(questions)) {
      if (outcome.status === 'rejected') continue
      answered += 1
      const { claim, found } = outcome.value
      if (found !== claim) wrong.push(`“${found}” for ${claim}`)
    }
    return wrong
  }
}
