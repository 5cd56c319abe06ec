/**
 * The packages as npm gets them: packed by the first test of a run that asks, since to build them takes half a minute.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { packPackages } from '../../compat/packages.ts'
import { readServer } from '../support/postgres.ts'

export interface PackedPackages {
  /** Of the tarballs. It is gone when the run has ended. */
  folder: string
  /** By name, their paths. */
  tarballs: Map<string, string>
}

const POLL_MS = 200
const DEADLINE_MS = 300_000

/** Where the first one fails the next one tries. */
export async function packedPackages(): Promise<PackedPackages> {
  const folder = readServer().packages
  const list = `${folder}.json`
  const deadline = AbortSignal.timeout(DEADLINE_MS)
  for (;;) {
    const tarballs = (await read(list)) ?? (await packFirst(folder, list))
    if (tarballs !== undefined) return { folder, tarballs }
    deadline.throwIfAborted()
    await sleep(POLL_MS)
  }
}

async function read(list: string): Promise<Map<string, string> | undefined> {
  const text = await readFile(list, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : new Map<string, string>(JSON.parse(text))
}

/** Nothing while another one does. */
async function packFirst(folder: string, list: string): Promise<Map<string, string> | undefined> {
  const isFirst = await mkdir(folder).then(
    () => true,
    () => false
  )
  if (!isFirst) return undefined
  try {
    const tarballs = await packPackages(folder)
    await writeFile(`${list}.draft`, JSON.stringify([...tarballs]))
    await rename(`${list}.draft`, list)
    return tarballs
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}
