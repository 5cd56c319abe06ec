/**
 * A batch has no BEGIN, so a statement that ends its transaction would leave the others to the role of the login.
 */
import { sql } from 'drizzle-orm'
import t from 'tap'
import { administer } from '../../../../test/support/postgres.ts'
import { createDatabase } from '../../src/drizzle/database.ts'
import { openPool } from '../support/pools.ts'

const ENDS = [
  'rollback',
  'END',
  'abort',
  'begin',
  'start transaction',
  '/* */ commit',
  '-- \ncommit',
  'call ends()'
]

for (const pipelining of [true, false])
  t.test(`a batch refuses what begins or ends a transaction, pipelining: ${pipelining}`, async t => {
    const { pool, databaseUrl } = await openPool(t, { max: 1, pipelining })
    await administer(
      "create procedure ends() language plpgsql as 'begin commit; end'; create table whose (who text default current_user); grant all on whose to public",
      databaseUrl
    )
    const alice = createDatabase(pool, { role: 'app_user' }).$withClaims({ 'app.user_id': 'alice' })

    for (const text of ENDS)
      await t.rejects(
        alice.$batch(db => [db.execute(sql.raw(text)), db.execute(sql`insert into whose default values`)]),
        { code: 'FST_NEON_OPTION_INVALID' },
        text
      )

    t.strictSame(await administer('select * from whose', databaseUrl), [])
  })
