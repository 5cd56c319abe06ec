/**
 * Reads from git what the base branch has in the folder of migrations: at its tip, and where this branch left it.
 */
import {
  JOURNAL,
  type JournalEntry,
  listFolders,
  parseJournal,
  snapshotPath,
  sqlPath,
  toFolderEntry
} from 'fastify-neon/migration-files'
import { type Git, GitError } from './git.ts'
import { UsageError } from './usage-error.ts'

export interface Branch {
  /** As it was asked for, or found. */
  ref: string
  tip: FolderAtCommit
  /** Where this branch left it: what is at the tip beyond that has landed since. */
  fork: FolderAtCommit
}

export interface FolderAtCommit {
  journal: readonly JournalEntry[]
  /** By the path in the folder. */
  files: ReadonlyMap<string, string>
}

const USUAL_BASES = ['origin/main', 'main']
const KEPT = /^(?:[^/]+\.sql|meta\/[^/]+\.json|[^/]+\/(?:migration\.sql|snapshot\.json))$/

/** Throws UsageError where git does not have what is needed, since without it nothing would be compared. */
export async function readBranch(git: Git, asked?: string): Promise<Branch> {
  const { ref, commit } = await findBase(git, asked)
  const fork = await printed(git, ['merge-base', commit, 'HEAD']).catch((error: Error) => {
    if (!isAbsent(error)) throw unusable(error)
    throw new UsageError(
      `the history here does not reach back to ${ref}: fetch it, with git fetch --unshallow or fetch-depth: 0`
    )
  })
  const tip = await readFolder(git, commit)
  return { ref, tip, fork: fork === commit ? tip : await readFolder(git, fork) }
}

async function findBase(git: Git, asked?: string): Promise<{ ref: string; commit: string }> {
  if (asked?.startsWith('-')) throw new UsageError(`--base takes a branch or commit, and not ${asked}`)
  for (const ref of asked === undefined ? USUAL_BASES : [asked]) {
    const commit = await printed(git, ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`]).catch(
      (error: Error) => {
        if (isAbsent(error)) return undefined
        throw unusable(error)
      }
    )
    if (commit !== undefined) return { ref, commit }
  }
  const name = asked ?? 'origin/main or main'
  throw new UsageError(
    `there is no ${name} in this clone to compare with: fetch it (in CI with fetch-depth: 0), name another by --base, or take --no-base`
  )
}

/** What git answers with status 1 is no: there is no such commit. */
function isAbsent(error: Error): boolean {
  return error instanceof GitError && error.code === 1
}

function unusable({ message }: Error): UsageError {
  return new UsageError(`git cannot be asked for the base branch, and --no-base does without: ${message}`)
}

async function printed(git: Git, args: string[]): Promise<string> {
  return (await git(args)).toString().trim()
}

async function readFolder(git: Git, commit: string): Promise<FolderAtCommit> {
  // Of the folder that git runs in, with paths from there.
  const listing = (await git(['ls-tree', '-r', '-z', commit])).toString()
  const objects = listing.split('\0').flatMap(entry => {
    const [, object = '', path = ''] = /^\d+ blob (\w+)\t(.*)$/s.exec(entry) ?? []
    return KEPT.test(path) ? [{ object, path }] : []
  })
  const batch = await git(['cat-file', '--batch'], objects.map(({ object }) => `${object}\n`).join(''))
  const files = filesIn(
    batch,
    objects.map(({ path }) => path)
  )
  const journal = files.get(JOURNAL)
  return {
    journal:
      journal === undefined ? listFolders(files.keys()) : parseJournal(journal, `${JOURNAL} at ${commit}`),
    files
  }
}

/** What `drizzle-kit up` of 1.0 makes of a base branch of 0.x, so that a branch that has run it can be compared. */
export function withFolders({ ref, tip, fork }: Branch): Branch {
  return { ref, tip: upgraded(tip), fork: upgraded(fork) }
}

function upgraded({ journal, files }: FolderAtCommit): FolderAtCommit {
  const moves = journal.map(entry => [entry, entry.hasFolder ? entry : toFolderEntry(entry)] as const)
  const moved = moves.flatMap(([from, to]) =>
    [sqlPath, snapshotPath].flatMap(pathOf => {
      const text = files.get(pathOf(from))
      return text === undefined ? [] : [[pathOf(to), text] as const]
    })
  )
  return { journal: moves.map(([, to]) => to), files: new Map(moved) }
}

/** For each, `cat-file --batch` has a line that ends in the count of bytes, these bytes, and the end of the line. */
function filesIn(batch: Buffer, paths: string[]): Map<string, string> {
  const files = new Map<string, string>()
  let position = 0
  for (const path of paths) {
    const start = batch.indexOf('\n', position) + 1
    const end = start + Number(batch.toString('utf8', position, start).trim().split(' ').at(-1))
    files.set(path, batch.toString('utf8', start, end))
    position = end + 1
  }
  return files
}
