/**
 * A statement that leaves a mark wherever it runs, for a login that no policy binds: who ran it is stored with it,
 * and a sequence, which no rollback undoes, tells that it ran at all.
 */
import { sql } from 'drizzle-orm'
import type { Test } from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { createDatabase as createDrizzle } from '../../src/drizzle/database.ts'
import type { NeonPoolOptions } from '../../src/pool/pool.ts'
import { openPool } from './pools.ts'

export const ROLE = 'app_user'
export const ALICE = { 'app.user_id': 'alice' }

const FACTS =
  "concat_ws('/', current_user, coalesce(current_setting('app.user_id', true), ''), current_setting('transaction_read_only'))"

const SETUP = `
  create table ran (facts text);
  create sequence insiders;
  create sequence outsiders;
  grant insert on ran to public;
  grant usage on insiders, outsiders to public;
  create function mark(divisor int) returns text language plpgsql as $$
    declare
      facts text := ${FACTS};
    begin
      if facts not like '%/on' then
        perform nextval(case when facts like '${ROLE}/alice/%' then 'insiders' else 'outsiders' end);
        insert into ran values (facts);
      end if;
      perform 1 / divisor;
      return facts;
    end $$`

export const marking = (divisor = 1) => sql`select mark(${divisor}::int) as facts`

/** A database for many pools, one after the other. */
export async function openMarks(t: Test) {
  const url = await createDatabase(t, { migrated: false })
  await administer(SETUP, url)

  return {
    url,
    async open(t: Test, options: Partial<NeonPoolOptions> = {}) {
      const { pool, count } = await openPool(t, { max: 1, ...options }, url)
      const db = createDrizzle<Record<string, never>>(pool, { role: ROLE })
      return {
        pool,
        count,
        db,
        alice: db.$withClaims(ALICE),
        reader: db.$withClaims(ALICE, { readOnly: true })
      }
    },
    async clear() {
      await administer('truncate ran; alter sequence insiders restart; alter sequence outsiders restart', url)
    },
    /** What was stored, whether it ran as alice where it could write, and whether it ran as anybody else. */
    async look() {
      const [found = {}] = await administer(
        `select array(select facts from ran) as stored, (select is_called from insiders) as inside,
          (select is_called from outsiders) as outside`,
        url
      )
      return found
    }
  }
}
