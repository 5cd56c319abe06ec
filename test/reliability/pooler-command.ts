/**
 * `npm run pooler -- --seconds 30 --seed 1`: the last line is the report, as JSON. Exits with 1 when anybody was told
 * what is not true, or was told nothing.
 */
import { startLocalNeon } from '../../packages/local-neon/src/local-neon.ts'
import { log, secondsAndSeed } from './support/command-line.ts'
import { runPooler } from './support/pooler-run.ts'
import { createServiceDatabase } from './support/service.ts'

const given = secondsAndSeed()
const ends: (() => unknown)[] = []
const neon = await startLocalNeon({ suspendAfterMs: 0, log: () => {} })
try {
  const url = await createServiceDatabase(neon)
  const report = await runPooler({ ...given, url, teardown: end => ends.unshift(end) })
  log(JSON.stringify(report))
  const { wrong, foreign, lost, phantom, left, hung, neverServed } = report
  const counts = [wrong, foreign, lost, phantom, left, hung, neverServed.length]
  process.exitCode = counts.every(count => count === 0) ? 0 : 1
} finally {
  for (const end of ends) await end()
  await neon.close()
}
