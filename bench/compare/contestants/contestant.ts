/**
 * What each contestant is told and does.
 */
import type { Executor } from '../../../src/db/executor.ts'
import type { Works } from '../works.ts'

export interface ContestantOptions {
  /** Through the relay. */
  url: string
  /** Most connections. */
  max: number
}

export interface Contestant {
  works: Works
  close(): Promise<void>
}

export interface ContestantModule {
  open(options: ContestantOptions): Promise<Contestant>
}

/**
 * The client of a peer for the project's query functions: its Drizzle is the one of this folder's packages,
 * which the types take for another one.
 */
export function asExecutor(db: object): Executor {
  return db as Executor
}
