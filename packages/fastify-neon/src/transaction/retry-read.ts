/**
 * Reads survive the loss of a connection: nothing is done twice when they are repeated.
 */
import { toFailure } from '../errors/failure.ts'

// The second connection is new; a third try is for a network that flaps.
const MAX_READS = 3

/**
 * Runs `read` again on another connection, at most twice, when its connection was lost. Only for work that changes
 * nothing. Throws the error of the last run.
 */
export function retryRead<T>(read: () => Promise<T>): Promise<T> {
  return readWithin(MAX_READS, read)
}

async function readWithin<T>(reads: number, read: () => Promise<T>): Promise<T> {
  return read().catch((error: unknown) => {
    if (reads === 1 || toFailure(error, 'statement').kind !== 'lost') throw error
    return readWithin(reads - 1, read)
  })
}
