/**
 * `npm --prefix bench run probes`: what a day of Kubernetes probes without traffic costs a database
 * that sleeps, with this project's plugins and with others. The last line is JSON.
 */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { onStopSignal } from '../packages/local-neon/src/cli/stop-signals.ts'
import { ArgumentsError, type ProbesOptions, readArguments, USAGE } from './probes/arguments.ts'
import { type DayOptions, runDay } from './probes/day.ts'
import { plotOf } from './probes/plot.ts'
import { brokenPromises, type Row, summarize, tableOf } from './probes/report.ts'

/** Ten times the probes a second go into a tenth of the day at a tenth of the speed, so that the machine meets as many. */
const FAST_PART = 10
const HOUR_SECONDS = 3600
const PROJECT = new URL('../', import.meta.url)
const PEERS = new URL('node_modules/', import.meta.url)

const stop = new AbortController()
onStopSignal(() => stop.abort(new Error('stopped')))

try {
  const asked = readArguments(process.argv.slice(2))
  if (asked.help) say(USAGE)
  else await run(asked.options)
} catch (error) {
  process.exitCode = error instanceof ArgumentsError ? 2 : 1
  note(error instanceof Error ? error.message : String(error))
}
// The watch on signals would keep the process.
process.exit()

async function run({ hours, factor, replicas, plot }: ProbesOptions) {
  if (!existsSync(PEERS)) throw new Error('what to compare with is not installed: npm ci --prefix bench')
  const slow = await runRow({ everySeconds: 10, hours, factor, replicas })
  const part = { hours: hours / FAST_PART, factor: factor / FAST_PART }
  const fast = await runRow({ everySeconds: 1, ...part, replicas })
  say(`${tableOf([slow, fast])}\n\n${JSON.stringify(summarize(slow, fast))}`)
  if (plot !== undefined) await writeFile(new URL(plot, PROJECT), plotOf(slow))
  judge([slow, fast])
}

async function runRow(row: Omit<DayOptions, 'signal'>): Promise<Row> {
  const seconds = Math.round((row.hours * HOUR_SECONDS) / row.factor)
  note(`${row.hours} h of probes every ${row.everySeconds} s, in ${seconds} s`)
  return await runDay({ ...row, signal: stop.signal })
}

function judge(rows: readonly Row[]) {
  const broken = rows.flatMap(brokenPromises)
  if (broken.length === 0) return
  process.exitCode = 1
  note(broken.join('\n'))
}

function say(text: string) {
  process.stdout.write(`${text}\n`)
}

function note(text: string) {
  process.stderr.write(`${text}\n`)
}
