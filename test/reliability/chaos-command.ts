/**
 * `npm run chaos -- --seconds 60 --seed 1`: the last line is the report, as JSON. Exits with 1 when
 * anybody was told what is not true.
 */
import { parseArgs } from 'node:util'
import { runChaos } from './chaos.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } }
})
const seconds = wholeNumber('seconds', values.seconds, 1)
const seed = wholeNumber('seed', values.seed, 0)

const report = await runChaos({ seconds, seed, log })
log(JSON.stringify(report))
const { lost, phantom, foreign, leaked } = report
process.exitCode = [lost, phantom, foreign, leaked, report.broken.length].every(count => count === 0) ? 0 : 1

function wholeNumber(name: string, text: string, minimum: number): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= minimum) return number
  process.stderr.write(`--${name} must be a whole number from ${minimum}\n`)
  process.exit(2)
}

function log(line: string) {
  process.stdout.write(`${line}\n`)
}
