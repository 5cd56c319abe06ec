/**
 * `npm run chaos -- --seconds 60 --seed 1`: the last line is the report, as JSON. Exits with 1 when
 * anybody was told what is not true.
 */
import { runChaos } from './support/chaos.ts'
import { log, secondsAndSeed } from './support/command-line.ts'

const report = await runChaos({ ...secondsAndSeed(), log })
log(JSON.stringify(report))
const { lost, phantom, foreign, leaked } = report
process.exitCode = [lost, phantom, foreign, leaked, report.broken.length].every(count => count === 0) ? 0 : 1
