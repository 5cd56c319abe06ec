/**
 * `npm run db:budget`: exits with 0 when the pods fit the connections of the compute, with 1 when they
 * do not, and with 2 when it was asked wrongly.
 */
import { readFileSync } from 'node:fs'
import { budgetReport, USAGE } from './connection-budget-report.ts'

const STANDARD_INPUT = 0

await run().catch((error: Error) => {
  process.stderr.write(`${error.message}\n\n${USAGE}\n`)
  process.exitCode = 2
})

async function run() {
  const { text, fits } = budgetReport(process.argv.slice(2), () => readFileSync(STANDARD_INPUT, 'utf8'))
  process.stdout.write(`${text}\n`)
  if (!fits) process.exitCode = 1
}
