/**
 * Reads survive the loss of a link: nothing is done twice when they are repeated.
 */
import { toFailure } from './failure.ts'

// The second link is new; a third try is for a network that flaps.
const MAX_READS = 3

/**
 * Runs `read` again, on another connection, when the link was lost in it. Only for what changes
 * nothing. Throws what the last one throws.
 */
export async function readAgain<T>(read: () => Promise<T>): Promise<T> {
  for (let reads = 1; ; reads += 1) {
    try {
      return await read()
    } catch (error) {
      if (reads === MAX_READS || toFailure(error, 'statement').kind !== 'lost') throw error
    }
  }
}
