/**
 * This project: `fastify.db`, and `request.db` for what belongs to a user.
 */

import { createDatabase } from '../../../packages/fastify-neon/src/drizzle/database.ts'
import { CLAIM, drizzleWorks, ROLE } from '../works.ts'
import { asExecutor, type Contestant, type ContestantOptions } from './contestant.ts'
import { createPool } from './fastify-neon-pool.ts'

export async function open(options: ContestantOptions): Promise<Contestant> {
  const pool = createPool(options)
  const db = createDatabase(pool)
  const users = createDatabase(pool, { role: ROLE })
  const works = drizzleWorks({
    db: asExecutor(db),
    read: (user, work) => work(asExecutor(users.$withClaims({ [CLAIM]: user }, { readOnly: true }))),
    write: (user, work) => work(asExecutor(users.$withClaims({ [CLAIM]: user })))
  })
  return { works, close: () => pool.end() }
}
