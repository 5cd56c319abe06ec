/**
 * Owns the end of temporary folders whose process was killed, and of the sockets that their Postgres has left.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ignore } from '../failure.ts'
import { abandonedFolders } from '../temporary-folder.ts'
import { dataDirectoryOf } from './cluster.ts'
import { awaitUnused } from './running.ts'
import { socketDirectoryOf } from './socket-directory.ts'

/** Removes those in `parent` with this prefix. In them a local Neon may lie in each of the folders `homes`. */
export async function removeAbandoned(parent: string, prefix: string, homes = ['.']): Promise<void> {
  const paths = await abandonedFolders(parent, prefix).catch(() => [])
  // What cannot be removed now is left to the next process: a Postgres that is ending has it, or another removes it.
  await Promise.all(paths.map(path => removeUnused(path, homes).catch(ignore)))
}

async function removeUnused(path: string, homes: readonly string[]): Promise<void> {
  for (const home of homes.map(name => join(path, name))) {
    const dataDirectory = dataDirectoryOf(join(home, 'cluster'))
    await awaitUnused(home, dataDirectory, 0)
    await rm(socketDirectoryOf(dataDirectory), { recursive: true, force: true })
  }
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}
