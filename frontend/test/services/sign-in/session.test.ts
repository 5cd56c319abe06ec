import t from 'tap'
import { createSession } from '../../../src/services/sign-in/session.ts'
import { memoryStorage, tokenOf } from '../browser-fakes.ts'

t.test('the session of a window', async t => {
  t.test('is kept over a reload, and forgotten at the sign-out', async t => {
    const storage = memoryStorage()
    const before = createSession(storage)
    t.equal(before.get(), undefined)
    before.signIn(tokenOf('Zoë Ω'))

    const after = createSession(storage)
    t.strictSame(after.get(), { token: tokenOf('Zoë Ω'), user: 'Zoë Ω', isRefused: false })
    after.signOut()

    t.equal(after.get(), undefined)
    t.equal(createSession(storage).get(), undefined)
  })

  t.test('takes no token without a subject', async t => {
    const session = createSession(memoryStorage())

    for (const token of ['opaque', '', tokenOf(7), tokenOf(undefined)]) t.throws(() => session.signIn(token))

    t.equal(session.get(), undefined)
  })

  t.test('tells who listens, until they stop', async t => {
    const session = createSession(memoryStorage())
    let told = 0
    const stop = session.subscribe(() => {
      told += 1
    })

    session.signIn(tokenOf('alice'))
    session.signOut()
    stop()
    session.signIn(tokenOf('alice'))

    t.equal(told, 2)
  })

  t.test('does not ask to sign in again for a token that is not the present one', async t => {
    const session = createSession(memoryStorage())
    session.signIn(tokenOf('alice', 2))

    await session.untilRenewed(tokenOf('alice', 1), new AbortController().signal)

    t.equal(session.get()?.isRefused, false)
  })
})
