import t, { type Test } from 'tap'
import { verifyConnectionUrl } from '../../packages/fastify-neon/src/connection-string/connection-url.ts'
import { createDatabase as createDrizzle } from '../../packages/fastify-neon/src/drizzle/database.ts'
import { NeonPool, POOL_DEFAULTS } from '../../packages/fastify-neon/src/pool/pool.ts'
import { claimKey, storeAnswer } from '../../src/db/idempotency-keys.ts'
import * as schema from '../../src/db/schema.ts'
import { administer, createDatabase } from '../support/postgres.ts'

const ANSWER = { fingerprint: 'f', status: 201, headers: { location: '/x' }, body: '{}' }
const NAME = { owner: 'alice', key: 'k' }

async function open(t: Test) {
  const url = await createDatabase(t)
  const { connection } = verifyConnectionUrl(url)
  if (!connection) throw new Error('no valid URL')
  const pool = new NeonPool({ ...POOL_DEFAULTS, url: connection, applicationName: 'keys-test' })
  t.teardown(() => pool.end())
  const expire = () => administer("update idempotency_keys set expires_at = now() - interval '1 second'", url)
  const count = async () => (await administer('select 1 from idempotency_keys', url)).length
  return {
    db: createDrizzle(pool, { schema, role: 'app_user' }).$withClaims({ 'app.user_id': NAME.owner }),
    url,
    expire,
    count
  }
}

t.test('an answer under a key', async t => {
  t.test('is found as it was stored', async t => {
    const { db } = await open(t)
    await db.transaction(tx => storeAnswer(tx, NAME, ANSWER))

    t.strictSame(await db.transaction(tx => claimKey(tx, NAME)), { isOurs: true, answer: ANSWER })
  })

  t.test('is kept for a day', async t => {
    const { db, url } = await open(t)
    await db.transaction(tx => storeAnswer(tx, NAME, ANSWER))

    const [row] = await administer(
      "select expires_at - now() between interval '23 hours' and interval '24 hours' as kept from idempotency_keys",
      url
    )
    t.strictSame(row, { kept: true })
  })

  t.test('does not take the place of one that is still kept', async t => {
    const { db } = await open(t)

    t.equal(await db.transaction(tx => storeAnswer(tx, NAME, ANSWER)), true)
    t.equal(await db.transaction(tx => storeAnswer(tx, NAME, { ...ANSWER, status: 200 })), false)

    const { answer } = await db.transaction(tx => claimKey(tx, NAME))
    t.equal(answer?.status, 201)
  })

  t.test('is gone when it has expired, and its key is free', async t => {
    const { db, expire } = await open(t)
    await db.transaction(tx => storeAnswer(tx, NAME, ANSWER))
    await expire()

    t.strictSame(await db.transaction(tx => claimKey(tx, NAME)), { isOurs: true, answer: undefined })
    t.equal(await db.transaction(tx => storeAnswer(tx, NAME, { ...ANSWER, status: 200 })), true)
    t.equal((await db.transaction(tx => claimKey(tx, NAME))).answer?.status, 200)
  })

  t.test('takes those that have expired with it, a few at a time', async t => {
    const { db, url, expire, count } = await open(t)
    await administer(
      "insert into idempotency_keys select 'bob', n, '', 200, '{}', '', now() from generate_series(1, 30) n",
      url
    )
    await expire()

    await db.transaction(tx => storeAnswer(tx, NAME, ANSWER))
    t.equal(await count(), 11)
    await db.transaction(tx => storeAnswer(tx, { ...NAME, key: 'next' }, ANSWER))
    t.equal(await count(), 2)
  })
})

t.test('a claim', async t => {
  t.test(
    'is refused without a wait while another transaction holds the key, and no other key is',
    async t => {
      const { db } = await open(t)

      await db.transaction(async tx => {
        await claimKey(tx, NAME)
        const claims = [NAME, { owner: 'bob', key: 'k' }, { owner: 'alice', key: 'other' }]
        const others = await Promise.all(claims.map(name => db.transaction(other => claimKey(other, name))))
        t.strictSame(
          others.map(({ isOurs }) => isOurs),
          [false, true, true]
        )
      })

      t.equal((await db.transaction(tx => claimKey(tx, NAME))).isOurs, true)
    }
  )
})
