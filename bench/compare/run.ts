/**
 * `npm --prefix bench run quick` and `… run all`: the same work by this project and by its peers, side by side.
 * Prints the rows and writes `{ name, ratio, target, ok }` of each, and everything that was measured. Ends with
 * 1 when a row is not ok.
 */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { onStopSignal } from '../../packages/local-neon/src/cli/stop-signals.ts'
import { measureBurst } from './measures/burst.ts'
import { measureConnection } from './measures/connection.ts'
import { measureFloor } from './measures/floor.ts'
import { measureHttp } from './measures/http.ts'
import { measureMemory } from './measures/memory.ts'
import { measurePromises } from './measures/promises.ts'
import { measureStatements, type StatementsPlan } from './measures/statements.ts'
import { measureWake } from './measures/wake.ts'
import { CONTESTANT_NAMES, POOL_NAMES } from './names.ts'
import { ALL, type Plan, QUICK, WITH_DRIZZLE } from './plans.ts'
import { tableOf } from './report-tables.ts'
import { type Run, rounded } from './results.ts'
import { type Row, rowsOf } from './rows.ts'
import type { Sample } from './samples.ts'
import { openStage, type Stage } from './stage.ts'
import { userOf } from './works.ts'

const PLANS: Record<string, Plan> = { quick: QUICK, all: ALL }
const RESULTS = new URL('../results/', import.meta.url)
const PEERS = new URL('../node_modules/', import.meta.url)

const [kind = 'quick'] = process.argv.slice(2)
const stop = new AbortController()
onStopSignal(() => stop.abort(new Error('stopped')))

try {
  if (!existsSync(PEERS)) throw new Error('what to compare with is not installed: npm ci --prefix bench')
  const plan = PLANS[kind]
  if (!plan) throw new Error(`there is no run ${kind}, but ${Object.keys(PLANS).join(' and ')}`)
  await run(plan)
} catch (error) {
  process.exitCode = 1
  note(error instanceof Error ? error.message : String(error))
}
// The watch on signals would keep the process.
process.exit()

async function run(plan: Plan) {
  const startMs = performance.now()
  const stage = await openStage({ signal: stop.signal, user: userOf(0) })
  const samples = await measureAll(stage, plan).finally(stage.close)
  samples.push(...(await measurePinned(plan)))
  const rows = rowsOf(samples)
  await keep(samples, rows)
  note(`all: ${secondsSince(startMs)} s`)
  process.stdout.write(`${tableOf(rows)}\n`)
  if (rows.some(({ ok }) => !ok)) process.exitCode = 1
}

async function measurePinned({ pinned, warmUp }: Plan): Promise<Sample[]> {
  if (pinned.length === 0) return []
  const startMs = performance.now()
  const samples: Sample[] = []
  const stage = await openStage({ signal: stop.signal, user: userOf(0), isPinned: true })
  try {
    for (const statements of warmUp)
      await measureStatements(stage, { ...statements, cases: drizzleOnly(statements) })
    for (const statements of pinned) samples.push(...(await measureStatements(stage, statements)))
  } finally {
    await stage.close()
  }
  note(`on one processor: ${secondsSince(startMs)} s`)
  return samples
}

function drizzleOnly({ cases }: StatementsPlan): StatementsPlan['cases'] {
  return cases.map(one => ({ ...one, contestants: WITH_DRIZZLE }))
}

async function measureAll(stage: Stage, plan: Plan): Promise<Sample[]> {
  const samples: Sample[] = []
  const { floor, wake, memory } = plan.others
  for (const warmUp of plan.warmUp) await measureStatements(stage, warmUp)
  for (const statements of plan.statements) {
    await add('statements', () => measureStatements(stage, statements))
  }
  await add('bursts', () => measureBurst(stage, plan.burst))
  await add('new connections', () => measureConnection(stage, plan.connection))
  await add('memory', () => measureMemory(stage, CONTESTANT_NAMES, memory))
  await add('requests', () => measureHttp(stage, plan.http))
  await add('promises', () => measurePromises(stage))
  await add('the floor', () => measureFloor(stage, floor))
  // Last, since Postgres starts again.
  await add('wakes', () => measureWake(stage, POOL_NAMES, wake))
  return samples

  async function add(what: string, measure: () => Promise<Sample[]>) {
    const startMs = performance.now()
    samples.push(...(await measure()))
    note(`${what}: ${secondsSince(startMs)} s`)
  }
}

async function keep(samples: readonly Sample[], rows: readonly Row[]) {
  const at = new Date().toISOString()
  const machine = { node: process.version, platform: process.platform, cpus: cpus().length }
  const whole: Run = { at, kind, machine, rows: [...rows], samples: samples.map(rounded) }
  await mkdir(RESULTS, { recursive: true })
  await Promise.all([
    write(`${kind}.json`, rows),
    write(`${kind}-last.json`, whole),
    write(`${kind}-${at.replaceAll(':', '-')}.json`, whole)
  ])
}

async function write(name: string, content: object) {
  await writeFile(new URL(name, RESULTS), `${JSON.stringify(content, null, 1)}\n`)
}

function note(text: string) {
  process.stderr.write(`${text}\n`)
}

function secondsSince(startMs: number): string {
  return ((performance.now() - startMs) / 1000).toFixed(0)
}
