/**
 * Runs the files of a group in this process, each as a subtest that has its path as its name. To start a
 * process and to import the service takes longer than most files do.
 */
import { basename } from 'node:path'
import t, { type Test } from 'tap'
import { membersOf } from './members.ts'
import './own-root.mjs'

const FILE_TIMEOUT_MS = 600_000
const ROOT = new URL('../../', import.meta.url)

const roots = new Map<string, Test>()

/** What a file of the group gets for `import t from 'tap'`. */
export function rootOf(url: string): Test {
  const root = roots.get(url)
  if (root === undefined) throw new Error(`no group runs ${url}`)
  return root
}

export function runGroup(entry: string, isWanted: (file: string) => boolean = () => true): Promise<void> {
  return runFiles(membersOf(basename(entry, '.group.ts')).filter(isWanted))
}

export async function runFiles(files: string[]): Promise<void> {
  for (const file of files) {
    const { href } = new URL(file, ROOT)
    await t.test(file, { timeout: FILE_TIMEOUT_MS }, async t => {
      roots.set(href, t)
      await import(href)
    })
  }
}
