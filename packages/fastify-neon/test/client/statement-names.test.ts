/**
 * Names that the server would take for another's, or that cannot be sent at all.
 */
import t from 'tap'
import { createStatementNames } from '../../src/client/statement-names.ts'
import { openPool } from '../support/pools.ts'

const LONG = 'n'.repeat(63)

t.test('of two names that are alike in their first 63 bytes', async t => {
  t.test('none runs the statement of the other in a pipeline', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const ask = async (name: string, text: string) => (await pool.query({ name, text })).rows

    for (let times = 0; times < 3; times += 1) {
      t.strictSame(await ask(`${LONG}a`, 'select 1 as n'), [{ n: 1 }])
      t.strictSame(await ask(`${LONG}b`, 'select 2 as n'), [{ n: 2 }])
    }
  })

  t.test('both are refused by a client', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const client = await pool.connect()

    await t.rejects(client.query({ name: `${LONG}a`, text: 'select 1' }), /63 bytes/)
    t.match(await client.query({ name: LONG, text: 'select 1 as n' }), { rows: [{ n: 1 }] })

    client.release()
  })
})

t.test('a name that is no text leaves nothing in front of the next statement of anybody', async t => {
  const { pool } = await openPool(t, { max: 1 })
  const { pool: another } = await openPool(t, { max: 1 })

  const [name] = JSON.parse('[5]')
  await pool.query({ name, text: 'select 1' }).catch(() => {})

  t.match(await another.query('select $1::int as n', [1]), { rows: [{ n: 1 }] })
  t.match(pool.stats(), { checkedOut: 0 })
})

t.test('what can be sent in part only is refused, and leaves nothing in front of the next', async t => {
  const { pool } = await openPool(t, { max: 1 })
  const client = await pool.connect()
  const value = Object.assign(() => {}, { toString: () => 5 })

  await t.rejects(client.query('select $1', [value]))

  t.match(await client.query('select $1::int as n', [1]), { rows: [{ n: 1 }] })
  client.release()
  t.match(pool.stats(), { idle: 1, connects: 1 })
})

t.test('a text is prepared', async t => {
  t.test('under one name everywhere, that no other text has', async t => {
    const names = createStatementNames()
    const others = createStatementNames()

    const preparedAs = names.of('select $1::int')

    t.strictSame(others.of('select $1::int'), preparedAs)
    t.match(preparedAs, { name: /^fastify-neon-[\w-]{43}$/, text: 'select $1::int' })
    t.not(names.of('select $1::int ')?.name, preparedAs?.name)
  })

  t.test('under another name, with a comment behind it, each time that it went stale', async t => {
    const names = createStatementNames()
    const first = names.of('select 1 -- one')?.name ?? ''

    names.noteStale('select 1 -- one', first)
    names.noteStale('select 1 -- one', first)
    const second = names.of('select 1 -- one')
    names.noteStale('select 1 -- one', second?.name ?? '')

    t.equal(second?.text, 'select 1 -- one\n/* 1 */', 'although two have found it')
    t.equal(names.of('select 1 -- one')?.text, 'select 1 -- one\n/* 2 */')
    t.equal(names.of('select 2')?.text, 'select 2')
  })

  t.test('under its first name again when its changes are forgotten behind those of others', async t => {
    const names = createStatementNames({ most: 1 })
    for (const text of ['select 1', 'select 2']) names.noteStale(text, names.of(text)?.name ?? '')

    t.equal(names.of('select 1')?.text, 'select 1')
    t.equal(names.of('select 2')?.text, 'select 2\n/* 1 */')
  })

  t.test('under none when names are given up, which is said once', async t => {
    let said = 0
    const names = createStatementNames({ onGivenUp: () => (said += 1) })

    names.giveUp()
    names.giveUp()
    createStatementNames().giveUp()

    t.equal(names.of('select 1'), undefined)
    t.equal(said, 1)
  })
})
