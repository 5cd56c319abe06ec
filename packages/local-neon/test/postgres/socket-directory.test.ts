import { randomUUID } from 'node:crypto'
import { chmod, chown, mkdir, rm, stat, symlink } from 'node:fs/promises'
import t, { type Test } from 'tap'
import {
  prepareSocketDirectory,
  socketDirectoryOf,
  socketPathOf
} from '../../src/postgres/socket-directory.ts'
import { folder, isRoot, lent, self } from '../fixtures/sandbox.ts'

/** sun_path of macOS, without the byte that ends it. */
const MAX_SOCKET_PATH_BYTES = 103
const STRANGER = 12_345

t.test('socket directory', async t => {
  t.test('has a short path that depends on the data folder alone', async t => {
    const data = `/${'long'.repeat(100)}/data`

    t.equal(socketDirectoryOf(data), socketDirectoryOf(data))
    t.not(socketDirectoryOf(data), socketDirectoryOf(`${data}2`))
    t.ok(Buffer.byteLength(socketPathOf(data)) <= MAX_SOCKET_PATH_BYTES)
  })

  t.test('is made for the account alone', async t => {
    const path = pathFor(t)
    const account = lent()

    await prepareSocketDirectory(path, account)

    t.match(await stat(path), { uid: account.uid, mode: 0o40700 })
  })

  t.test('is made for this user when there is no other account', async t => {
    const path = pathFor(t)

    await prepareSocketDirectory(path, undefined)

    t.match(await stat(path), { uid: self().uid, mode: 0o40700 })
  })

  t.test('is taken over from an earlier start and closed again', async t => {
    const path = pathFor(t)
    await mkdir(path)
    await chmod(path, 0o777)

    await prepareSocketDirectory(path, undefined)

    t.match(await stat(path), { mode: 0o40700 })
  })

  t.test('is refused when it is a link', async t => {
    const path = pathFor(t)
    await symlink(await folder(t), path)

    await t.rejects(prepareSocketDirectory(path, undefined), { code: 'LOCAL_NEON_WRONG_OWNER' })
  })

  t.test('is refused when another user has made it', async t => {
    // /usr stands for a folder of another user where giving one away needs root.
    const path = isRoot ? pathFor(t) : '/usr'
    if (isRoot) await mkdir(path)
    if (isRoot) await chown(path, STRANGER, STRANGER)

    await t.rejects(prepareSocketDirectory(path, lent()), { code: 'LOCAL_NEON_WRONG_OWNER', message: path })
  })

  t.test('cannot be made where there is no parent', async t => {
    await t.rejects(prepareSocketDirectory('/nonexistent/socket', undefined), { code: 'ENOENT' })
  })
})

function pathFor(t: Test): string {
  const path = socketDirectoryOf(randomUUID())
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}
