/**
 * Owns the error of Local Neon: one class, one closed set of codes, and messages of one
 * line that a command line can print as they stand.
 */

const CODES = [
  /** No binaries for this operating system or processor, or the package is not installed. */
  'LOCAL_NEON_UNSUPPORTED',
  /** Started as root, and there is no ordinary user to run Postgres as. */
  'LOCAL_NEON_NO_ACCOUNT',
  /** Something on disk belongs to another user. */
  'LOCAL_NEON_WRONG_OWNER',
  /** Another process serves this directory. */
  'LOCAL_NEON_ALREADY_RUNNING',
  /** Postgres, or a command that prepares it, ended before it was ready. */
  'LOCAL_NEON_POSTGRES_FAILED',
  /** A fault that does not exist, or a value that it does not take. */
  'LOCAL_NEON_FAULT_INVALID',
  /** An option of the start that cannot be. */
  'LOCAL_NEON_OPTION_INVALID'
] as const

export type LocalNeonErrorCode = (typeof CODES)[number]

export class LocalNeonError extends Error {
  readonly code: LocalNeonErrorCode

  constructor(code: LocalNeonErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LocalNeonError'
    this.code = code
  }
}

/** A listener for errors that are told in another way as well, which the caller names. */
export function ignore(): void {}

/** The code of a system error (`ENOENT`, `EADDRINUSE`), undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
