/**
 * Temporary folders of the tests. What a run leaves that is killed, the next one removes.
 */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeAbandoned } from '../../packages/local-neon/src/postgres/abandoned.ts'
import { ownedPrefix } from '../../packages/local-neon/src/temporary-folder.ts'
import { DATA_PARENT } from './data-parent.ts'

const PREFIX = 'fastify-neon-test-'
/** Where a local Neon lies in one of them. */
const HOMES = ['.', 'local', 'primary', 'standby']

/** For mkdtemp: the path of a folder of this process, as far as it is chosen. */
export function temporaryPath(name: string, parent = tmpdir()): string {
  return join(parent, ownedPrefix(`${PREFIX}${name}-`))
}

export async function removeLeftovers(): Promise<void> {
  for (const parent of new Set([tmpdir(), '/tmp', DATA_PARENT])) await removeAbandoned(parent, PREFIX, HOMES)
}
