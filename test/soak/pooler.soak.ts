/**
 * A real PgBouncer under users, kills, changes of tables and cancels; and names of statements where it passes them on.
 */
import t from 'tap'
import { openPool } from '../../packages/fastify-neon/test/support/pools.ts'
import { NO_POOLER, openPooler } from '../support/pooler.ts'
import { createDatabase } from '../support/postgres.ts'
import { runProgram } from '../support/processes.ts'

t.setTimeout(300_000)

t.test('half a minute through a pooler tells nobody what is not true', { skip: NO_POOLER }, async t => {
  const { ended, output } = runProgram(t, 'test/reliability/pooler-command.ts', {
    args: ['--seconds', '30', '--seed', '1'],
    env: { PGBOUNCER: process.env.PGBOUNCER ?? '' }
  })

  t.equal(await ended, 0)
  const report = JSON.parse(output().trimEnd().split('\n').at(-1) ?? '')
  t.comment(JSON.stringify(report))
  t.match(report, { wrong: 0, foreign: 0, lost: 0, phantom: 0, left: 0, hung: 0 })
  t.strictSame(report.neverServed, [])
  t.ok(report.requests > 200, 'and it was worked through')
})

t.test(
  'ten thousand answers where names are passed on are all of the own statement',
  { skip: NO_POOLER },
  async t => {
    const url = await createDatabase(t)
    const pooler = await openPooler(t, { maxPreparedStatements: 0 })
    const pods = await Promise.all(
      ['a', 'b'].map(async who => ({ who, ...(await openPool(t, { max: 5 }, pooler.through(url))) }))
    )
    let wrong = 0

    for (let round = 0; round < 100; round += 1)
      await Promise.all(
        pods.flatMap(({ who, pool }) =>
          Array.from({ length: 50 }, async (_, index) => {
            const text = `select '${who}' as who, $1::int as n, ${index % 7} as kind`
            const { rows } = await pool.query(text, [index])
            if (rows[0]?.who !== who || rows[0]?.n !== index || rows[0]?.kind !== index % 7) wrong += 1
          })
        )
      )

    t.equal(wrong, 0)
  }
)
