/**
 * Where the tests put the data of Postgres: into memory where there is room. Behind the end of many databases a file
 * system on a disk can take ten times the processor time to make the files of the next one.
 */
import { readFileSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'

const MEMORY = '/dev/shm'
/** Containers often have 64 MB there, from which no program may run. */
const ENOUGH_BYTES = 4 * 1024 ** 3

export const DATA_PARENT = isFit() ? MEMORY : tmpdir()

function isFit(): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY)
    const mounted = /^\S+ \/dev\/shm tmpfs (\S+)/m.exec(readFileSync('/proc/mounts', 'utf8'))
    return bavail * bsize >= ENOUGH_BYTES && mounted !== null && !mounted[1]?.includes('noexec')
  } catch {
    return false
  }
}
