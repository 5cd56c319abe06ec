import { chmod, chown, mkdir } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { canReach, chooseAccount } from '../../src/postgres/account.ts'
import { folder, isRoot, lent, self } from '../fixtures/sandbox.ts'

const ROOT = 0
const STRANGER = 12_345

t.test('account', async t => {
  t.test('is the own one for an ordinary user', async t => {
    t.equal(await chooseAccount('/nonexistent', { uid: STRANGER }), undefined)
  })

  t.test('is the own one for an ordinary user whose data exist', async t => {
    const data = await folder(t)

    t.equal(await chooseAccount(data, { uid: isRoot ? await give(data) : self().uid }), undefined)
  })

  t.test('is refused to an ordinary user when the data are somebody else’s', async t => {
    const data = await folder(t)

    await t.rejects(chooseAccount(data, { uid: STRANGER }), {
      code: 'LOCAL_NEON_WRONG_OWNER',
      message: `${data} belongs to uid ${self().uid}`
    })
  })

  t.test('is the first user that exists when root starts', async t => {
    const users = ['no-such-user', userInfo().username]

    t.strictSame(await chooseAccount('/nonexistent', { uid: ROOT, users }), self())
  })

  t.test('is the owner of the data when root starts and data exist', async t => {
    const data = await folder(t)
    const uid = isRoot ? await give(data) : self().uid

    t.match(await chooseAccount(data, { uid: ROOT, users: ['no-such-user'] }), { uid })
  })

  t.test('is refused to root when there is no user to lend', async t => {
    const refused = chooseAccount('/nonexistent', { uid: ROOT, users: ['no-such-user', 'nor-this'] })

    await t.rejects(refused, { code: 'LOCAL_NEON_NO_ACCOUNT', message: /no-such-user, nor-this/ })
  })
})

t.test('reach', async t => {
  t.test('is given where the account may enter', async t => {
    const path = await folder(t)

    t.equal(await canReach(lent(), [path, '/bin/sh']), true)
  })

  t.test('is missing below a folder that the account may not enter', async t => {
    const closed = join(await folder(t), 'closed')
    await mkdir(join(closed, 'inside'), { recursive: true })
    await chmod(closed, isRoot ? 0o700 : 0o600)

    t.equal(await canReach(lent(), [join(closed, 'inside')]), false)

    await chmod(closed, 0o700)
  })

  t.test('is missing where there is nothing', async t => {
    t.equal(await canReach(undefined, ['/bin/sh', '/nonexistent']), false)
  })
})

async function give(path: string): Promise<number> {
  await chown(path, STRANGER, STRANGER)
  return STRANGER
}
