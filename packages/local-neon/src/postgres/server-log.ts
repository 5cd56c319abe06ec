/**
 * Owns the file that takes what Postgres writes, and the errors that quote its end. The file
 * starts empty with each start, which bounds its size.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { LocalNeonError } from '../failure.ts'
import type { ProcessExit } from './supervisor.ts'

export interface ServerLog {
  path: string
  /** Descriptor that children write to. */
  fd: number
  close(): Promise<void>
}

const PRIVATE_FILE_MODE = 0o600
/** Enough for a FATAL line with its DETAIL, HINT and what led to it. */
const QUOTED_LINES = 5

export async function openServerLog(path: string): Promise<ServerLog> {
  // Emptied first and opened again to append: two writers with one 'w' handle each would
  // overwrite each other.
  await open(path, 'w', PRIVATE_FILE_MODE).then((file: FileHandle) => file.close())
  const file = await open(path, 'a', PRIVATE_FILE_MODE)
  return { path, fd: file.fd, close: () => file.close() }
}

export async function textOf(log: ServerLog): Promise<string> {
  return await readFile(log.path, 'utf8')
}

/** The error for a program that ended when it should not have, with the end of the log in it. */
export async function failedWith(log: ServerLog, what: string, exit: ProcessExit): Promise<LocalNeonError> {
  const lines = (await textOf(log)).split('\n').filter(line => line.trim() !== '')
  const how = exit.signal === null ? `exit code ${exit.code}` : exit.signal
  const end = lines.slice(-QUOTED_LINES).join(' / ')
  return new LocalNeonError('LOCAL_NEON_POSTGRES_FAILED', `${what} (${how}): ${end} (whole log: ${log.path})`)
}
