/**
 * Processes that migrate one database at once: three, a half-migrated one once; or eight, that and an empty one, as often
 * as `MIGRATION_ROUNDS` says. `npm run races` is fifty rounds.
 */
import { tmpdir } from 'node:os'
import t, { type Test } from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { runProgram } from '../../../../test/support/processes.ts'
import { apply, ledgerOf, timeOf, type Written, writeFolder } from '../migrations/folders.ts'

const { MIGRATION_ROUNDS } = process.env
const ROUNDS = Number(MIGRATION_ROUNDS ?? 1)
const PROCESSES = MIGRATION_ROUNDS === undefined ? 3 : 8

const EMPTY: Written[] = []
// Each would show that it was carried out twice, and the last one takes no transaction.
const ALL: Written[] = [
  { name: '0000_runs', sql: 'create table runs (n int); insert into runs values (0)' },
  { name: '0001_data', sql: 'insert into runs select max(n) + 1 from runs' },
  {
    name: '0002_index',
    sql: `-- fastify-neon:no-transaction
insert into runs select max(n) + 1 from runs;
create unique index concurrently runs_n_idx on runs (n);
insert into runs select max(n) + 1 from runs`
  }
]

t.setTimeout(3_600_000)

async function race(t: Test, folder: string, databaseUrl: string) {
  const programs = Array.from({ length: PROCESSES }, () =>
    runProgram(t, 'packages/fastify-neon/src/cli/main.ts', {
      env: { DATABASE_URL: databaseUrl },
      args: ['migrate', '--folder', folder],
      cwd: tmpdir()
    })
  )
  const codes = await Promise.all(programs.map(({ ended }) => ended))
  return { codes, text: programs.map(({ output }) => output()).join('') }
}

for (const [title, applied] of [
  ['a half-migrated database', ALL.slice(0, 1)],
  ...(MIGRATION_ROUNDS === undefined ? [] : [['an empty database', EMPTY] as const])
] as const) {
  t.test(`${PROCESSES} processes that migrate ${title} at once, ${ROUNDS} times`, async t => {
    const folders = t.testdir({ half: {}, all: {} })
    const half = writeFolder(`${folders}/half`, [...applied])
    const folder = writeFolder(`${folders}/all`, ALL)
    for (let round = 0; round < ROUNDS; round += 1) {
      const databaseUrl = await createDatabase(t, { migrated: false })
      if (applied.length > 0) await apply(databaseUrl, half)

      const { codes, text } = await race(t, folder, databaseUrl)

      t.strictSame(codes, Array(PROCESSES).fill(0), text)
      t.strictSame(
        (await ledgerOf(databaseUrl)).map(({ when }) => when),
        [timeOf(0), timeOf(1), timeOf(2)]
      )
      t.strictSame(
        (await administer('select n from runs order by n', databaseUrl)).map(({ n }) => n),
        [0, 1, 2, 3]
      )
      for (const { name } of ALL.slice(applied.length))
        t.equal(text.split(`applied ${name} in`).length - 1, 1)
    }
  })
}
