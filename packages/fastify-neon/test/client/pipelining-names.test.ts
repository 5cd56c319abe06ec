/**
 * The names of statements on one connection: prepared once, again when the server has lost them, and not too many.
 */
import t from 'tap'
import type { NeonClient } from '../../src/client/client.ts'
import { createStatementNames } from '../../src/client/statement-names.ts'
import { openClient } from '../support/clients.ts'

const rowsOf = (client: NeonClient, text: string, values?: unknown[]) =>
  client.query(text, values).then(({ rows }) => rows)

t.test('statements with a name', async t => {
  const named = (client: NeonClient, value: number, name = 'one') =>
    client.query({ name, text: 'select $1::int as n', values: [value] }).then(({ rows: [row] }) => row.n)

  t.test('are prepared once, and the next one waits only for that', async t => {
    const { client, sent } = await openClient(t)

    t.strictSame(await Promise.all([named(client, 1), named(client, 2), named(client, 3)]), [1, 2, 3])
    t.strictSame(sent(), ['CPBDES', 'BDESBDES'])

    t.strictSame(await Promise.all([named(client, 4), named(client, 5), named(client, 6, 'two')]), [4, 5, 6])
    t.strictSame(sent(), ['BDESBDESCPBDES'])
  })

  t.test('are each prepared again when the first one could not be', async t => {
    const { client, sent } = await openClient(t)
    const read = () => client.query({ name: 'read', text: 'select * from late' })

    const [first, , second] = await Promise.allSettled([
      read(),
      client.query('create table late as select 1 as n'),
      read()
    ])

    t.match(first, { status: 'rejected', reason: { code: '42P01' } })
    t.match(second, { status: 'fulfilled', value: { rows: [{ n: 1 }] } })
    t.strictSame(sent(), ['CPBDESQ', 'CPBDES'])
  })

  t.test('are free again when nothing was prepared under them, also where the server keeps none', async t => {
    const names = createStatementNames()
    names.giveUp()
    const { client, sent } = await openClient(t, { names })

    await t.rejects(client.query({ name: 'read', text: 'select * from nowhere' }), { code: '42P01' })

    t.match(await client.query({ name: 'read', text: 'select 1 as n' }), { rows: [{ n: 1 }] })
    t.strictSame(sent(), ['PBDES', 'PBDES'])
  })

  t.test('are prepared although their first execution fails', async t => {
    const { client, sent } = await openClient(t)
    const divide = (by: number) =>
      client.query({ name: 'divide', text: 'select 1 / $1::int as n', values: [by] })

    await t.rejects(divide(0), { code: '22012' })

    t.match(await divide(1), { rows: [{ n: 1 }] })
    t.strictSame(sent(), ['CPBDES', 'BDES'])
  })

  t.test('work again after what they give has changed', async t => {
    const { client } = await openClient(t)
    const read = () => client.query({ name: 'read', text: 'select * from changing' })
    await client.query('create table changing (a int)')
    await read()

    await client.query('alter table changing add b int')

    await t.rejects(read(), { code: '0A000' })
    t.match(await read(), { fields: [{ name: 'a' }, { name: 'b' }] })
  })

  t.test('work again after the session has dropped them', async t => {
    const { client } = await openClient(t)
    await named(client, 1)

    for (const drop of ['deallocate all', 'discard all', 'select 1; deallocate all; select 2']) {
      const [, answer] = await Promise.all([client.query(drop), named(client, 2)])
      t.equal(answer, 2, 'although it was asked for before that was answered')
      t.equal(await named(client, 3), 3)
    }
  })

  t.test('keep the server at what one connection may have', async t => {
    const { client } = await openClient(t)
    const select = (value: number, name: string) =>
      client
        .query({ name, text: `select $1::int as n, '${name}'`, values: [value] })
        .then(({ rows: [row] }) => row.n)
    const count = () => rowsOf(client, 'select count(*)::int as n from pg_prepared_statements')

    for (let index = 0; index < 210; index += 1) {
      await select(index, `name ${index}`)
      if (index > 195) t.ok(Reflect.get(Object((await count())[0]), 'n') <= 200)
    }
    t.strictSame(await count(), [{ n: 200 }])
    const names = Array.from({ length: 210 }, (_, index) => select(index, `at once ${index}`))
    t.strictSame(await Promise.all(names), Object.keys(names).map(Number))
    t.equal(await select(1, 'name 209'), 1)

    t.strictSame(await count(), [{ n: 200 }])
  })

  t.test('may be called by it alone', async t => {
    const { client } = await openClient(t)
    await named(client, 1)

    const { rows } = await client.query(Object({ name: 'one', values: [2] }))

    t.strictSame(rows, [{ n: 2 }])
  })
})

t.test('a name whose statement went unnamed, since names are of no use there', async t => {
  const { client } = await openClient(t)
  await client.query({ name: 'a', text: 'select $1::int as n', values: [1] })
  await t.rejects(client.query({ name: 'a', text: 'select $1::int as n', values: [''] }), { code: '22P02' })
  const given = { name: 'b', text: 'select $1::int as n', values: [2] }

  t.test('is free again when the server did not parse it', async t => {
    await client.query('begin')
    await t.rejects(client.query('select 1 / 0'), { code: '22012' })
    await t.rejects(client.query(given), { code: '25P02' })
    await client.query('rollback')

    t.match(await client.query({ name: 'b', text: 'select 3 as n' }), { rows: [{ n: 3 }] })
  })
})
