import { exportJWK, generateKeyPair, type JWK } from 'jose'
import t, { type Test } from 'tap'
import { createManualClock } from '../../../packages/fastify-neon/test/support/manual-clock.ts'
import { createRemoteKeys } from '../../../src/plugins/auth/keys.ts'
import { type KeyAnswer, keyServer } from './key-server.ts'

const MINUTE_MS = 60_000

async function makeKey(kid: string): Promise<JWK> {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true })
  return { ...(await exportJWK(publicKey)), kid, alg: 'ES256' }
}

const one = await makeKey('one')
const two = await makeKey('two')

const setOf = (...keys: JWK[]): KeyAnswer => ({ status: 200, body: JSON.stringify({ keys }) })

const UNAVAILABLE = { code: 'APP_KEYS_UNAVAILABLE' }
const UNKNOWN = { code: 'ERR_JWKS_NO_MATCHING_KEY' }

async function openKeys(t: Test, first: KeyAnswer) {
  let answer = first
  const server = await keyServer(t, () => answer)
  const clock = createManualClock()
  const failures: unknown[] = []
  const keys = createRemoteKeys({
    locate: () => server.url,
    now: clock.now,
    onFailure: error => failures.push(error)
  })
  const ask = async (kid: string) => keys({ alg: 'ES256', kid }, { payload: '', signature: '' })
  return {
    ask,
    clock,
    failures,
    requests: server.requests,
    change(next: KeyAnswer) {
      answer = next
    }
  }
}

t.test('the keys of an issuer elsewhere', async t => {
  t.test('are fetched when the first token comes, once for all who come with it', async t => {
    const { ask, requests } = await openKeys(t, setOf(one))
    t.equal(requests(), 0)

    await Promise.all(Array.from({ length: 20 }, () => ask('one')))

    t.equal(requests(), 1)
  })

  t.test('are fetched again for a key that is not there, at most every half minute', async t => {
    const { ask, clock, requests, change } = await openKeys(t, setOf(one))
    await ask('one')
    change(setOf(one, two))

    await t.rejects(ask('two'), UNKNOWN)
    for (let kid = 0; kid < 100; kid += 1) await t.rejects(ask(`${kid}`), UNKNOWN)
    t.equal(requests(), 1)
    await clock.pass(30_000)

    await ask('two')
    t.equal(requests(), 2)
  })

  t.test('are forgotten ten minutes after the issuer took them away', async t => {
    const { ask, clock, change } = await openKeys(t, setOf(one, two))
    await ask('one')
    change(setOf(two))
    await clock.pass(10 * MINUTE_MS - 1)
    await ask('one')

    await clock.pass(1)

    await t.rejects(ask('one'), UNKNOWN)
    await ask('two')
  })

  t.test('may change under the same name', async t => {
    const { ask, clock, change } = await openKeys(t, setOf(one))
    const before = await ask('one')
    change(setOf({ ...two, kid: 'one' }))
    await clock.pass(10 * MINUTE_MS)

    t.not(await ask('one'), before)
  })

  t.test('hold for an hour when the issuer is down, which is told once', async t => {
    const { ask, clock, change, failures, requests } = await openKeys(t, setOf(one))
    await ask('one')
    change({ status: 500, body: '' })
    await clock.pass(20 * MINUTE_MS)

    await ask('one')
    await ask('one')
    t.equal(requests(), 2, 'the issuer is asked every half minute')
    await clock.pass(30_000)
    await ask('one')
    t.equal(requests(), 3)
    t.match(failures, [{ message: /answered 500/ }])
    t.equal(failures.length, 1)

    await clock.pass(40 * MINUTE_MS)
    await t.rejects(ask('one'), UNAVAILABLE)
    change(setOf(one))
    await clock.pass(30_000)
    await ask('one')
  })

  t.test('are asked for once a second while there are none', async t => {
    const { ask, clock, change, requests } = await openKeys(t, { status: 503, body: '' })

    for (let count = 0; count < 50; count += 1) await t.rejects(ask('one'), UNAVAILABLE)
    t.equal(requests(), 1)
    change(setOf(one))
    await t.rejects(ask('one'), UNAVAILABLE)
    await clock.pass(1000)

    await ask('one')
  })

  t.test('are not fetched from where the issuer redirects to', async t => {
    const elsewhere = await keyServer(t, () => setOf(one))
    const { ask, failures } = await openKeys(t, { status: 302, body: '', location: elsewhere.url.href })

    await t.rejects(ask('one'), UNAVAILABLE)
    t.equal(elsewhere.requests(), 0)
    t.equal(failures.length, 1)
  })

  t.test('leave a token alone that two of them could have signed', async t => {
    const { ask, requests } = await openKeys(t, setOf(one, { ...two, kid: 'one' }))

    await t.rejects(ask('one'), { code: 'ERR_JWKS_MULTIPLE_MATCHING_KEYS' })
    t.equal(requests(), 1)
  })

  const rows: [title: string, answer: KeyAnswer, message: RegExp][] = [
    ['a page', { status: 200, body: '<html>' }, /JSON/],
    ['JSON of another kind', { status: 200, body: '{"keys":7}' }, /JSON Web Key Set/],
    ['nothing', { status: 200, body: '' }, /JSON/],
    ['a status without a body', { status: 204, body: '' }, /answered 204/],
    ['more than any set of keys', { status: 200, body: ' '.repeat(200 * 1024) }, /more than 131072 bytes/]
  ]
  for (const [title, answer, message] of rows) {
    t.test(`are not there when the answer is ${title}`, async t => {
      const { ask, failures } = await openKeys(t, answer)

      await t.rejects(ask('one'), UNAVAILABLE)
      t.match(failures, [{ message }])
    })
  }
})
