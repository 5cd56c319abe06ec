/**
 * Owns the arithmetic: medians, and how far the rounds lie apart.
 */

/** The value below which a share of the values lies; they have to be sorted. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((left, right) => left - right),
    0.5
  )
}

/** Distance between the highest and the lowest value, as a share of the median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values)
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
