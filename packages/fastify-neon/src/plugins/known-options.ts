/**
 * The options that a plugin knows: another one is refused by its name, since it is most often a misspelt one.
 */
import { OptionInvalidError } from '../errors/errors.ts'

// Fastify's own, of each `register`, and the one of its loaders of folders.
const OF_REGISTER = ['prefix', 'logLevel', 'logSerializers', 'encapsulate']

// A typo or two.
const FARTHEST = 3

/** Throws FST_NEON_OPTION_INVALID, with the nearest known one. What is given as undefined counts as not given. */
export function refuseUnknownOptions(given: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || known.includes(name) || OF_REGISTER.includes(name)) continue
    const nearest = nearestOf(name, known)
    throw new OptionInvalidError(`${name}: unknown option${nearest ? `; did you mean ${nearest}?` : ''}`)
  }
}

function nearestOf(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map(each => ({ each, distance: distanceOf(name.toLowerCase(), each.toLowerCase()) }))
  const [best] = ranked.sort((one, other) => one.distance - other.distance)
  return best && best.distance <= Math.min(FARTHEST, name.length / 2) ? best.each : undefined
}

/** Letters to add, remove or change (Levenshtein). */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1]
    for (let column = 1; column <= other.length; column += 1) {
      const change = Number(row[column - 1]) + (other[column - 1] === letter ? 0 : 1)
      next.push(Math.min(change, Number(row[column]) + 1, Number(next[column - 1]) + 1))
    }
    row = next
  }
  return Number(row.at(-1))
}
