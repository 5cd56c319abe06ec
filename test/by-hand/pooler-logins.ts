/**
 * Every kind of request through a real PgBouncer under every attack, with each of its logins, where names of
 * prepared statements survive and where they do not.
 */
import t from 'tap'
import { runPooler } from '../reliability/support/pooler-run.ts'
import { NO_POOLER } from '../support/pooler.ts'
import { createDatabase } from '../support/postgres.ts'

const SECONDS = 3

t.setTimeout(120_000)

for (const auth of ['plain', 'md5', 'scram-sha-256'] as const)
  for (const maxPreparedStatements of [1000, 0])
    t.test(
      `users are told what is true with ${auth} and max_prepared_statements=${maxPreparedStatements}`,
      { skip: NO_POOLER },
      async t => {
        const report = await runPooler({
          seconds: SECONDS,
          seed: 1,
          auth,
          maxPreparedStatements,
          url: await createDatabase(t),
          teardown: end => t.teardown(end)
        })

        t.comment(JSON.stringify(report))
        t.match(report, { wrong: 0, foreign: 0, lost: 0, phantom: 0, left: 0, hung: 0 })
        t.strictSame(report.neverServed, [])
      }
    )
