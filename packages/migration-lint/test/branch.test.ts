/**
 * What is asked of git, and what happens when it does not answer.
 */
import t from 'tap'
import { readBranch } from '../src/branch.ts'
import { type Git, GitError } from '../src/git.ts'
import { filesOf, foldersOf } from './migrations.ts'

const TIP = filesOf([{ name: '0000_ü', sql: 'select 1;\nselect 2' }])

interface Repository {
  /** Commits by name. */
  refs?: Record<string, string>
  mergeBase?: string
  /** Files by commit. */
  trees?: Record<string, Record<string, string>>
}

/** A git that knows these commits. */
function fakeGit({ refs = {}, mergeBase, trees = {} }: Repository): Git & { asked: string[] } {
  const asked: string[] = []
  const contents: string[] = []
  const git: Git = async ([command = '', ...args], input = '') => {
    asked.push([command, ...args].join(' '))
    const last = args.at(-1) ?? ''
    if (command === 'rev-parse') return answer(refs[last.replace('^{commit}', '')])
    if (command === 'merge-base') return answer(mergeBase)
    if (command === 'ls-tree')
      return Buffer.from(
        Object.entries(trees[last] ?? {})
          .map(listed)
          .join('')
      )
    const blobs = input.trim().split('\n').filter(Boolean)
    return Buffer.from(blobs.map(blob => `${blob} blob ${sizeOf(blob)}\n${textOf(blob)}\n`).join(''))
  }
  return Object.assign(git, { asked })

  function listed([path, text]: [string, string]): string {
    return `100644 blob ${contents.push(text) - 1}\t${path}\0`
  }
  function textOf(blob: string): string {
    return contents[Number(blob)] ?? ''
  }
  function sizeOf(blob: string): number {
    return Buffer.byteLength(textOf(blob))
  }
  async function answer(text: string | undefined): Promise<Buffer> {
    if (text === undefined) throw new GitError('', 1)
    return Buffer.from(`${text}\n`)
  }
}

t.test('the base branch', async t => {
  t.test('is origin/main, or else main', async t => {
    const refs = { 'origin/main': 'aaa', main: 'bbb' }

    t.equal((await readBranch(fakeGit({ refs, mergeBase: 'aaa' }))).ref, 'origin/main')
    t.equal((await readBranch(fakeGit({ refs: { main: 'bbb' }, mergeBase: 'bbb' }))).ref, 'main')
    t.equal(
      (await readBranch(fakeGit({ refs: { ...refs, next: 'ccc' }, mergeBase: 'ccc' }), 'next')).ref,
      'next'
    )
  })

  t.test('is read at its tip and where this branch left it, migrations and snapshots alone', async t => {
    const trees = { aaa: { ...TIP, 'README.md': 'x', 'old/0000_x.sql': 'x' }, bbb: {} }
    const { tip, fork } = await readBranch(fakeGit({ refs: { main: 'aaa' }, mergeBase: 'bbb', trees }))

    t.strictSame(Object.fromEntries(tip.files), TIP)
    t.strictSame(tip.journal, [{ name: '0000_ü', when: 0 }])
    t.strictSame(fork, { journal: [], files: new Map() })
  })

  t.test('may have folders of Drizzle 1.0', async t => {
    const files = foldersOf([{ name: '20260101000001_b' }, { name: '20260101000000_a', snapshot: {} }])
    const trees = { aaa: { ...files, 'deep/er/migration.sql': 'x' } }
    const { tip } = await readBranch(fakeGit({ refs: { main: 'aaa' }, mergeBase: 'aaa', trees }))

    t.strictSame(Object.fromEntries(tip.files), files)
    t.strictSame(
      tip.journal.map(({ name }) => name),
      ['20260101000000_a', '20260101000001_b']
    )
  })

  t.test('is read once when the branch begins at its tip', async t => {
    const git = fakeGit({ refs: { main: 'aaa' }, mergeBase: 'aaa', trees: { aaa: TIP } })
    const { tip, fork } = await readBranch(git)

    t.equal(tip, fork)
    t.equal(git.asked.filter(command => command.startsWith('ls-tree')).length, 1)
  })

  t.test('with a journal that cannot be read is an error', async t => {
    const trees = { aaa: { 'meta/_journal.json': '<<<<<<<' } }

    await t.rejects(readBranch(fakeGit({ refs: { main: 'aaa' }, mergeBase: 'aaa', trees })), {
      code: 'FST_NEON_MIGRATIONS_INVALID',
      message: /_journal.json at aaa/
    })
  })
})

t.test('without the base branch nothing passes', async t => {
  t.test('when the clone does not have it', async t => {
    await t.rejects(readBranch(fakeGit({})), {
      name: 'UsageError',
      message: /^there is no origin\/main or main in this clone .* fetch it .* --base, or take --no-base$/
    })
    await t.rejects(readBranch(fakeGit({ refs: { main: 'aaa' } }), 'origin/next'), {
      message: /no origin\/next/
    })
  })

  t.test('when the clone is too shallow', async t => {
    await t.rejects(readBranch(fakeGit({ refs: { main: 'aaa' } })), {
      name: 'UsageError',
      message: /does not reach back to main: fetch it, with git fetch --unshallow/
    })
  })

  t.test('when git fails, at the first question or the second', async t => {
    const broken: Git = async () => {
      throw new GitError('fatal: not a git repository', 128)
    }
    const later: Git = async args => (args[0] === 'rev-parse' ? Buffer.from('aaa') : broken(args))

    for (const git of [broken, later])
      await t.rejects(readBranch(git), {
        name: 'UsageError',
        message: /--no-base does without: fatal: not a git/
      })
  })

  t.test('when its name is an option of git', async t => {
    const git = fakeGit({})

    await t.rejects(readBranch(git, '--all'), { name: 'UsageError', message: /--base takes a branch/ })
    t.strictSame(git.asked, [])
  })
})
