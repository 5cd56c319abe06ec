/**
 * How long to wait before the next try.
 */
export interface BackoffOptions {
  firstMs: number
  maxMs: number
  /** How many tries have failed in a row, from 1. */
  failures: number
  /** From 0 to below 1. @default Math.random */
  random?: () => number
}

/** Doubles from try to try up to the most; the random half keeps apart those who failed together. */
export function backoffMs({ firstMs, maxMs, failures, random = Math.random }: BackoffOptions): number {
  const fullMs = Math.min(firstMs * 2 ** (failures - 1), maxMs)
  return fullMs * (0.5 + random() / 2)
}
