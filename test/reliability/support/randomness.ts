/**
 * Randomness that can be had again from its seed.
 */
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

export interface Randomness {
  /** A whole number from `minimum` to `maximum`, both included. */
  between(minimum: number, maximum: number): number
  oneOf<T>(choices: readonly T[]): T
  /** True so often of a hundred times. */
  isOneIn100(times: number): boolean
}

export function randomnessOf(seed: number): Randomness {
  const generator = xoroshiro128plus(seed)
  const between = (minimum: number, maximum: number) => uniformInt(generator, minimum, maximum)
  return {
    between,
    oneOf: <T>(choices: readonly T[]) => choices[between(0, choices.length - 1)] as T,
    isOneIn100: times => between(1, 100) <= times
  }
}
