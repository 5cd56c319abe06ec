/**
 * What a run tells while it works.
 */
export type MigrationEvent =
  /** Another run works; `holder` is the process id of its backend, when it still has one. */
  | { type: 'waiting'; waitedMs: number; holder: number | undefined }
  | { type: 'started'; migration: string }
  | { type: 'applied'; migration: string; durationMs: number }
  /** A run ended in the middle of it, and this one goes on with the statement of this line. */
  | { type: 'resumed'; migration: string; line: number | undefined }
  /** It was left invalid by a run that ended, and is built again. */
  | { type: 'invalid-index-dropped'; migration: string; index: string }
  /** Nothing reads it, and every write keeps it up to date. */
  | { type: 'invalid-index-found'; index: string }
  /** A notice or warning of the server. */
  | { type: 'notice'; message: string }

export type MigrationListener = (event: MigrationEvent) => void

/** For an event or an error that nothing is to be done about. */
export function ignore() {}
