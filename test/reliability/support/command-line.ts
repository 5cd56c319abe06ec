/**
 * What the commands that run chaos have in common: their flags, and lines on the standard output.
 */
import { parseArgs } from 'node:util'

export function secondsAndSeed(): { seconds: number; seed: number } {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } }
  })
  return { seconds: wholeNumber('seconds', values.seconds, 1), seed: wholeNumber('seed', values.seed, 0) }
}

export function log(line: string) {
  process.stdout.write(`${line}\n`)
}

function wholeNumber(name: string, text: string, minimum: number): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= minimum) return number
  process.stderr.write(`--${name} must be a whole number from ${minimum}\n`)
  process.exit(2)
}
