import { sql } from 'drizzle-orm'
import t from 'tap'
import { createDatabase } from '../../packages/fastify-neon/src/drizzle/database.ts'
import { openPool } from '../../packages/fastify-neon/test/support/pools.ts'
import { administer } from '../support/postgres.ts'

const NOBODYS_ID = '11111111-2222-4333-8444-555555555555'

t.test('H6 a foreign key that carries the owner takes no row of another user', async t => {
  const { pool, databaseUrl } = await openPool(t)
  await administer(
    `create table steps (owner text, id uuid default gen_random_uuid(), task uuid, primary key (owner, id),
       constraint with_owner foreign key (owner, task) references tasks (owner, id));
     grant insert on steps to app_user;
     insert into tasks (owner, title) values ('alice', 'a'), ('bob', 'b')`,
    databaseUrl
  )
  const bob = createDatabase(pool, { role: 'app_user' }).$withClaims({ 'app.user_id': 'bob' })
  const idOf = async (owner: string) =>
    (await administer(`select id from tasks where owner = '${owner}'`, databaseUrl))[0]?.id
  const attach = (task: unknown) => bob.execute(sql`insert into steps (owner, task) values ('bob', ${task})`)

  t.equal((await attach(await idOf('bob'))).rowCount, 1)
  for (const id of [await idOf('alice'), NOBODYS_ID])
    await t.rejects(attach(id), { code: 'FST_NEON_CONFLICT', sqlState: '23503' })
})
