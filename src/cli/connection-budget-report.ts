/**
 * What `npm run db:budget` says: the pods of the manifests and a migration beside them, against the
 * connections of a Neon compute, and what to change when they do not fit.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  type BudgetOptions,
  type ComputeSize,
  type ConnectionBudget,
  connectionBudget,
  type Fleet,
  maxConnectionsOf,
  POOLER_WAIT_MS,
  poolerSessionsOf,
  RESERVED_CONNECTIONS
} from '../neon/connection-budget.ts'
import { fleetOf, parseManifests, readManifests } from './manifests.ts'

// The same place from src/cli and from dist/cli.
const MANIFESTS = fileURLToPath(new URL('../../deploy/kubernetes', import.meta.url))

const TEXT = { type: 'string' } as const
const SWITCH = { type: 'boolean', default: false } as const

export const USAGE = `npm run db:budget -- [options]

  --compute-units 0.25   size of the compute in CU, or the range of its autoscaling: 0.25-2
  --pooled               the pods connect to the pooled host
  --manifests FOLDER     read these; - reads what kubectl kustomize prints. Default: deploy/kubernetes
  --replicas N           and these stand in for what the manifests say:
  --surge N              pods that a rollout adds
  --terminating N        pods that are ending and still connected
  --pool-max N           DATABASE_POOL_MAX
  --jobs N               direct connections of migrations and people`

export interface BudgetReport {
  text: string
  fits: boolean
}

/** Throws for arguments and manifests that it cannot work with. */
export function budgetReport(args: string[], readInput: () => string): BudgetReport {
  const { values } = parseArgs({
    args,
    options: {
      'compute-units': { ...TEXT, default: '0.25' },
      pooled: SWITCH,
      manifests: { ...TEXT, default: MANIFESTS },
      replicas: TEXT,
      surge: TEXT,
      terminating: TEXT,
      'pool-max': TEXT,
      jobs: TEXT,
      help: SWITCH
    }
  })
  if (values.help) return { text: USAGE, fits: true }

  const { manifests } = values
  const found = fleetOf(manifests === '-' ? parseManifests(readInput()) : readManifests(manifests))
  const fleet: Fleet = {
    replicas: wholeNumber('--replicas', values.replicas ?? found.replicas, 1),
    surge: wholeNumber('--surge', values.surge ?? found.surge),
    terminating: wholeNumber('--terminating', values.terminating ?? found.terminating),
    poolMax: wholeNumber('--pool-max', values['pool-max'] ?? found.poolMax, 1),
    jobs: wholeNumber('--jobs', values.jobs ?? found.jobs)
  }
  const options = { fleet, compute: computeSize(values['compute-units']), isPooled: values.pooled }
  const budget = connectionBudget(options)
  const lines = [...table(options, budget), '', ...verdict(options, budget)]
  return { text: lines.join('\n'), fits: budget.fits }
}

function table({ fleet, compute, isPooled }: BudgetOptions, { limits }: ConnectionBudget): string[] {
  const rows: [string, number, string?][] = [
    ['replicas', fleet.replicas],
    ['+ surge of a rollout', fleet.surge],
    ['+ ending, still connected', fleet.terminating],
    ['x DATABASE_POOL_MAX', fleet.poolMax],
    ['direct, of migrations', fleet.jobs]
  ]
  const most = maxConnectionsOf(compute)
  const ends = limits.map(({ what, needed, available }): [string, number, string] => [
    what,
    needed,
    `of ${available}${what === 'sessions' ? `: ${most} less ${RESERVED_CONNECTIONS} that Neon keeps` : ''}`
  ])
  return [
    `a compute of ${sizeOf(compute)} CU, ${isPooled ? 'pooled' : 'direct'}`,
    ...[...rows, ...ends].map(([name, count, note]) =>
      `  ${name.padEnd(26)}${`${count}`.padStart(6)}  ${note ?? ''}`.trimEnd()
    )
  ]
}

function verdict(options: BudgetOptions, budget: ConnectionBudget): string[] {
  const { fleet, compute, isPooled } = options
  const spare = Math.min(...budget.limits.map(({ needed, available }) => available - needed))
  if (!budget.fits) return misfit(-spare, mends(options, budget))
  const fits = `fits, with ${spare} to spare`
  const atOnce = poolerSessionsOf(compute)
  if (!isPooled || budget.pods * fleet.poolMax <= atOnce) return [fits]
  return [
    fits,
    `more than ${atOnce} transactions at once wait in the pooler, each for up to ${POOLER_WAIT_MS / 1000} s`
  ]
}

function misfit(excess: number, mended: string[]): string[] {
  const says = `does not fit: ${excess} too many`
  if (mended.length === 0) return [`${says}, and no other pool, fleet or compute mends it`]
  return [`${says}. Any one of these mends it:`, ...mended]
}

function mends(options: BudgetOptions, budget: ConnectionBudget): string[] {
  const { largestPoolMax, largestReplicas, smallestUnits } = budget
  const fitsPooled = connectionBudget({ ...options, isPooled: true }).fits
  return [
    largestPoolMax > 0 && `DATABASE_POOL_MAX=${largestPoolMax}`,
    largestReplicas > 0 && `at most ${largestReplicas} replicas`,
    smallestUnits !== undefined && `a compute of ${smallestUnits} CU`,
    fitsPooled && 'the pooled host in DATABASE_URL, with -pooler in its name'
  ].flatMap(mend => (mend === false ? [] : [`  ${mend}`]))
}

function computeSize(text: string): ComputeSize {
  const [, min, max = min] = /^(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?$/.exec(text) ?? []
  const size = { minUnits: Number(min), maxUnits: Number(max) }
  if (size.minUnits > 0 && size.maxUnits >= size.minUnits) return size
  throw new Error(`--compute-units must be a size such as 0.25, or a range such as 0.25-2, and not ${text}`)
}

function sizeOf({ minUnits, maxUnits }: ComputeSize): string {
  return minUnits === maxUnits ? `${minUnits}` : `${minUnits} to ${maxUnits}`
}

function wholeNumber(flag: string, value: string | number, minimum = 0): number {
  const number = Number(value)
  if (value !== '' && Number.isInteger(number) && number >= minimum && number <= 10_000) return number
  throw new Error(`${flag} must be a whole number from ${minimum} to 10000, and not ${value}`)
}
