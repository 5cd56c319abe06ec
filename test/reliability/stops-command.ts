/**
 * `npm run stops -- --count 100`: so many SIGTERMs under load, in turn of each kind. Prints a table, and as the last
 * line JSON. Exits with 1 when a request that was sent before a signal got no answer.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { openIssuer } from '../../dev/token-issuer.ts'
import { startLocalNeon } from '../../packages/local-neon/src/local-neon.ts'
import { temporaryPath } from '../support/temporary-folder.ts'
import { log } from './support/command-line.ts'
import { createServiceDatabase } from './support/service.ts'
import { isLossless, STOP_CASES, type Stop, stopOnce, tableOf } from './support/stops.ts'

const { values } = parseArgs({ options: { count: { type: 'string', default: '100' } } })
const ends: (() => unknown)[] = []
const t = { teardown: (end: () => unknown) => void ends.unshift(end) }
const directory = await mkdtemp(temporaryPath('stops'))
const neon = await startLocalNeon({ suspendAfterMs: 0, log: () => {} })
const stops: Stop[] = []
try {
  const options = { t, databaseUrl: await createServiceDatabase(neon), issuer: await openIssuer(directory) }
  for (let count = 0; count < Number(values.count); count += 1)
    for (const stopCase of STOP_CASES.filter((_, index) => index === count % STOP_CASES.length))
      stops.push(await stopOnce(options, stopCase))
} finally {
  for (const end of ends) await end()
  await neon.close()
  await rm(directory, { recursive: true })
}
log(tableOf(stops))
const ok = isLossless(stops)
log(JSON.stringify({ stops: stops.length, reset: stops.reduce((sum, { reset }) => sum + reset, 0), ok }))
process.exitCode = ok ? 0 : 1
