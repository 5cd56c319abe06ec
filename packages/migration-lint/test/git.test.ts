/**
 * git as it is: run as a program, and on a repository where there is one.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readBranch } from '../src/branch.ts'
import { gitIn } from '../src/git.ts'
import { type Entry, filesOf, folderOf, ORIGIN, snapshot } from './migrations.ts'

t.test('git', async t => {
  const folder = t.testdir({})
  const node = gitIn(folder, process.execPath)

  t.test('is given its input in the folder, and gives its output', async t => {
    const output = await node(['-e', 'process.stdin.pipe(process.stdout).write(process.cwd())'], ' ü')

    t.equal(output.toString(), `${realpathSync(folder)} ü`)
  })

  t.test('fails with its own words and status, or those of the system', async t => {
    await t.rejects(node(['-e', 'console.error("fatal: no"); process.exit(128)'], 'x'.repeat(1_000_000)), {
      name: 'GitError',
      message: 'fatal: no',
      code: 128
    })
    await t.rejects(node(['-e', 'process.exit(1)']), { message: /^Command failed/, code: 1 })
    // By its place: a name is looked for in folders that this user may not be let into.
    await t.rejects(gitIn('.', join(t.testdir({}), 'git'))([]), { code: 'ENOENT' })
  })
})

const FIRST = { name: '0000_first', snapshot: snapshot('a', ORIGIN) }
const LANDED = { name: '0001_landed', snapshot: snapshot('b', 'a') }

const { error } = spawnSync('git', ['--version'])

t.test('on a repository', { skip: error && 'there is no git on this machine' }, async t => {
  t.test('the base branch is read where it is, though this one is behind', async t => {
    const { folder, git } = repository(t, [FIRST])
    git('checkout', '-qb', 'feature')
    git('checkout', '-q', 'main')
    rewrite(folder, [FIRST, LANDED])
    git('add', '.')
    git('commit', '-qm', 'two')
    git('checkout', '-q', 'feature')

    const { ref, tip, fork } = await readBranch(gitIn(folder))

    t.equal(ref, 'main')
    t.strictSame(Object.fromEntries(tip.files), filesOf([FIRST, LANDED]))
    t.strictSame(Object.fromEntries(fork.files), filesOf([FIRST]))
  })

  t.test('that has no such folder yet, the base branch has no migrations', async t => {
    const { folder, git } = repository(t, [FIRST], '.gitignore')
    t.equal(git('ls-files').trim(), '.gitignore')

    t.strictSame((await readBranch(gitIn(folder))).tip, { journal: [], files: new Map() })
  })

  t.test('that is shallow, or has no such branch, nothing is compared', async t => {
    const { folder, git } = repository(t, [FIRST])
    git('checkout', '-q', '--orphan', 'other')
    git('commit', '-qm', 'without a past')

    await t.rejects(readBranch(gitIn(folder)), { name: 'UsageError', message: /does not reach back to main/ })
    await t.rejects(readBranch(gitIn(folder), 'nowhere'), { name: 'UsageError', message: /no nowhere/ })
  })
})

function repository(t: Test, entries: Entry[], committed = '.') {
  const folder = folderOf(t, entries, { '.gitignore': 'node_modules' })
  const root = join(folder, '..')
  const identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.org', '-c', 'commit.gpgsign=false']
  const settings = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' }
  const git = (...args: string[]) =>
    execFileSync('git', [...identity, ...args], { cwd: root, env: settings, encoding: 'utf8' })
  git('init', '-q')
  git('checkout', '-qb', 'main')
  git('add', committed)
  git('commit', '-qm', 'one')
  return { folder, git }
}

function rewrite(folder: string, entries: Entry[]) {
  for (const [path, text] of Object.entries(filesOf(entries))) writeFileSync(join(folder, path), text)
}
