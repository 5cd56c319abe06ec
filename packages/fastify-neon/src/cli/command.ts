/**
 * How a command ends: its exit code, and what is said of an error.
 */

import { redact } from '../connection-string/redact.ts'
import { messageOf } from './migration-report.ts'
import type { Terminal } from './terminal.ts'
import { UsageError } from './usage-error.ts'

export interface Command<T> {
  usage: string
  /** What is asked for; undefined when only the usage is wanted. Throws UsageError. */
  read: () => T | undefined
  /** Resolves with the exit code. */
  run: (asked: T) => Promise<number>
}

/** Resolves with the exit code: that of `run`; 2 when it was asked wrongly; and 1 for any other error. */
export async function runCommand<T>(
  { usage, read, run }: Command<T>,
  { print, printError }: Terminal
): Promise<number> {
  try {
    const asked = read()
    if (asked !== undefined) return await run(asked)
    print(usage)
    return 0
  } catch (error) {
    const isUsage = error instanceof UsageError
    printError(redact(messageOf(error)))
    if (isUsage) printError(`\n${usage}`)
    return isUsage ? 2 : 1
  }
}
