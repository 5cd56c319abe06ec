/**
 * Owns the making of a folder or a file in one step: it is filled beside its place and renamed into it
 * when complete, so that nobody sees half of it and two makers do not disturb each other.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { systemCode } from '../failure.ts'

/** What rename says when the place is taken by a folder with something in it. */
const TAKEN_CODES = new Set<string | undefined>(['ENOTEMPTY', 'EEXIST'])

/** Makes the folder with what `fill` puts into it; when somebody else was faster, theirs stays. */
export async function publish(target: string, fill: (staging: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  await removeAbandoned(target)
  const staging = await mkdtemp(`${prefixOf(target)}${process.pid}-`)
  try {
    await fill(staging)
    await rename(staging, target).catch(ignoreTaken)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

/** Writes the file; when somebody else writes it too, it is whole all the same. */
export async function publishFile(target: string, text: string, mode: number): Promise<void> {
  const draft = `${target}.${process.pid}-${randomUUID()}`
  await writeFile(draft, text, { mode })
  await rename(draft, target)
}

function ignoreTaken(error: unknown): void {
  if (!TAKEN_CODES.has(systemCode(error))) throw error
}

/** A maker that was killed leaves its folder behind; its pid is part of the name. */
async function removeAbandoned(target: string): Promise<void> {
  const prefix = basename(prefixOf(target))
  const names = await readdir(dirname(target))
  const abandoned = names.filter(
    name => name.startsWith(prefix) && !isAlive(Number.parseInt(name.slice(prefix.length), 10))
  )
  await Promise.all(
    abandoned.map(name => rm(join(dirname(target), name), { recursive: true, force: true, maxRetries: 3 }))
  )
}

function prefixOf(target: string): string {
  return `${target}.making-`
}

/** True when a process has this pid, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}
