/**
 * SIGTERM under load: no request that was sent before it is without an answer. One of each kind; weekly ten, and `npm run stops` has more.
 */
import t from 'tap'
import { openIssuer } from '../../dev/token-issuer.ts'
import { isLossless, STOP_CASES, type Stop, stopOnce, tableOf } from '../reliability/support/stops.ts'
import { createDatabase } from '../support/postgres.ts'

const ROUNDS = Number(process.env.STOP_ROUNDS ?? 1)

t.setTimeout(600_000)

t.test('a stop under load loses no request', async t => {
  const options = { t, databaseUrl: await createDatabase(t), issuer: await openIssuer(t.testdir({})) }
  const stops: Stop[] = []

  for (let round = 0; round < ROUNDS; round += 1)
    for (const stopCase of STOP_CASES) stops.push(await stopOnce(options, stopCase))

  t.ok(isLossless(stops), `\n${tableOf(stops)}`)
})
