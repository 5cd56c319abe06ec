/**
 * The folder of the new project: it must be missing or empty, and everything that was put in it can be removed again.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** A repository that has just been made or cloned counts as empty. */
const REPOSITORY = '.git'

export interface TargetFolder {
  /** Removes what was made, with the folders above it that were missing. */
  remove(): Promise<void>
}

/** Makes the folder where it is missing. Rejects where it holds anything. */
export async function claimFolder(path: string): Promise<TargetFolder> {
  const entries = await entriesOf(path)
  if (entries.length > 0)
    throw new Error(`${path} is not empty: it has ${listed(entries)}. Choose another folder.`)
  const firstMade = await mkdir(path, { recursive: true })

  return { remove }

  async function remove() {
    if (firstMade !== undefined) return rm(firstMade, { recursive: true, force: true })
    for (const name of await entriesOf(path)) await rm(join(path, name), { recursive: true, force: true })
  }
}

async function entriesOf(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).filter(name => name !== REPOSITORY)
  } catch (error) {
    if (isError(error, 'ENOENT')) return []
    if (isError(error, 'ENOTDIR')) throw new Error(`${path} is a file. Choose another folder.`)
    throw error
  }
}

function isError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function listed(names: string[]): string {
  const [first, ...others] = names.sort()
  return others.length === 0 ? `${first}` : `${first} and ${others.length} more`
}
