/**
 * Owns the arithmetic on what was measured: a ratio is the median of the ratios of the rounds, since what
 * disturbs a round disturbs both sides.
 */
import { median } from '../endpoint/figures.ts'

/** What one round has measured of one contestant under the same conditions. */
export interface Sample {
  /** The file of `measures/`. */
  measure: string
  contestant: string
  /** What it was asked for and how, such as `key, 100 at once, pool 10, 0 ms, ws`. */
  conditions: string
  round: number
  figures: Record<string, number>
}

export interface Question {
  measure: string
  contestant: string
  conditions?: string
}

export function figuresOf(samples: readonly Sample[], question: Question, figure: string): number[] {
  return select(samples, question).map(sample => figureOf(sample, figure))
}

/** Throws a RangeError when nothing was measured, which is no zero. */
export function medianOf(samples: readonly Sample[], question: Question, figure: string): number {
  const values = figuresOf(samples, question, figure)
  if (values.length === 0) throw new RangeError(`nothing was measured of ${JSON.stringify(question)}`)
  return median(values)
}

/** Of one contestant's figure to another's. */
export function ratioOf(samples: readonly Sample[], own: Question, other: Question, figure: string): number {
  const others = new Map(select(samples, other).map(sample => [sample.round, figureOf(sample, figure)]))
  const ratios = select(samples, own).flatMap(sample => {
    const value = others.get(sample.round)
    return value === undefined ? [] : [figureOf(sample, figure) / value]
  })
  if (ratios.length === 0) throw new RangeError(`nothing was measured of ${JSON.stringify([own, other])}`)
  return median(ratios)
}

/** So that nobody is always first. */
export function rotated<T>(list: readonly T[], by: number): T[] {
  const start = by % Math.max(1, list.length)
  return [...list.slice(start), ...list.slice(0, start)]
}

function select(samples: readonly Sample[], { measure, contestant, conditions }: Question): Sample[] {
  return samples.filter(
    sample =>
      sample.measure === measure &&
      sample.contestant === contestant &&
      (conditions === undefined || sample.conditions === conditions)
  )
}

function figureOf({ figures, contestant }: Sample, figure: string): number {
  const value = figures[figure]
  if (value === undefined) throw new RangeError(`${contestant} has no ${figure}`)
  return value
}

/** `order` has the numbers of the callers as they were answered. */
export function latePlaces(order: readonly number[]): number {
  return Math.max(0, ...order.map((caller, place) => place - caller))
}
