/**
 * Owns the file of a run: what is kept of it.
 */
import type { Row } from './rows.ts'
import type { Sample } from './samples.ts'

export interface Run {
  at: string
  kind: string
  machine: { node: string; platform: string; cpus: number }
  rows: Row[]
  samples: Sample[]
}

const DIGITS = 4

/** No more digits than a measurement has. */
export function rounded({ figures, ...sample }: Sample): Sample {
  const entries = Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(DIGITS))])
  return { ...sample, figures: Object.fromEntries(entries) }
}

/** A line for each sample: a file of them that changes shows which. */
export function textOf({ samples, ...run }: Run): string {
  const head = JSON.stringify(run, null, 1).slice(0, -2)
  const lines = samples.map(sample => JSON.stringify(sample)).join(',\n')
  return `${head},\n "samples": [\n${lines}\n]}\n`
}
