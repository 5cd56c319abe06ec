/**
 * Owns the command line of `probes`: what can be asked for, and in which range.
 */
import { parseArgs } from 'node:util'

export interface ProbesOptions {
  /** Length of the day that is simulated, in hours. */
  hours: number
  /** How many times as fast as the machine's clock it goes by. */
  factor: number
  /** Processes of the service that a kubelet would probe. */
  replicas: number
  /** File that gets the plot, from the folder above this one. */
  plot?: string | undefined
}

export type Asked = { help: true } | { help: false; options: ProbesOptions }

/** What was typed is not what can be asked for; the message says which part. */
export class ArgumentsError extends Error {}

const DEFAULTS = { hours: 24, factor: 250, replicas: 3 }

/**
 * Below an hour, the part of it at the faster rhythm ends before the compute may sleep. Above 500,
 * what takes real time, such as the stop of Postgres, is no longer small beside the idle time.
 */
const RANGES = { hours: [1, 168], factor: [10, 500], replicas: [1, 10] } as const

export const USAGE = `npm --prefix bench run probes -- [--hours N] [--factor N] [--replicas N] [--plot FILE]

What a day of Kubernetes probes without any traffic costs a database that sleeps.

  --hours N      length of the day, ${RANGES.hours.join(' to ')}; ${DEFAULTS.hours} if not given
  --factor N     so many times as fast as the clock, ${RANGES.factor.join(' to ')}; ${DEFAULTS.factor} if not given
  --replicas N   of each service, ${RANGES.replicas.join(' to ')}; ${DEFAULTS.replicas} if not given
  --plot FILE    writes the plot (SVG) there, from the project's folder
  --help         this text`

/** Throws ArgumentsError. */
export function readArguments(args: readonly string[]): Asked {
  const { help, hours, factor, replicas, plot } = parse(args)
  if (help) return { help }
  const options = {
    hours: numberIn('hours', hours),
    factor: numberIn('factor', factor),
    replicas: numberIn('replicas', replicas),
    plot
  }
  if (!Number.isInteger(options.replicas)) throw new ArgumentsError('--replicas must be a whole number')
  if (plot === '') throw new ArgumentsError('--plot must name a file')
  return { help: false, options }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' as const }
  const options = {
    hours: text,
    factor: text,
    replicas: text,
    plot: text,
    help: { type: 'boolean' as const }
  }
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    /* c8 ignore next -- parseArgs throws errors; this tells the compiler */
    if (!(error instanceof Error)) throw error
    throw new ArgumentsError(error.message)
  }
}

function numberIn(name: keyof typeof RANGES, given: string | undefined): number {
  const value = given === undefined ? DEFAULTS[name] : given.trim() === '' ? Number.NaN : Number(given)
  const [least, most] = RANGES[name]
  if (value >= least && value <= most) return value
  throw new ArgumentsError(
    `--${name} must be a number from ${least} to ${most}, not ${JSON.stringify(given)}`
  )
}
