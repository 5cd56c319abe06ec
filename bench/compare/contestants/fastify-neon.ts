/**
 * This project: `fastify.db`, and `request.db` for what belongs to a user.
 */
import * as schema from '../../../src/db/schema.ts'
import { createDatabase } from '../../../src/neon/database.ts'
import { CLAIM, drizzleWorks, ROLE } from '../works.ts'
import type { Contestant, ContestantOptions } from './contestant.ts'
import { createPool } from './fastify-neon-pool.ts'

export async function open(options: ContestantOptions): Promise<Contestant> {
  const pool = createPool(options)
  const db = createDatabase(pool, { schema })
  const users = createDatabase(pool, { schema, role: ROLE })
  const works = drizzleWorks({
    db,
    read: (user, work) => work(users.$as({ [CLAIM]: user }, { readOnly: true })),
    write: (user, work) => work(users.$as({ [CLAIM]: user }))
  })
  return { works, close: () => pool.end() }
}
