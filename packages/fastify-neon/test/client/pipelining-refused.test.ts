/**
 * What cannot be sent: its caller is told in its turn, and the client goes on.
 */
import t from 'tap'
import { number, openClient } from '../support/clients.ts'

t.test('a statement that cannot be sent is refused in its turn', async t => {
  const circle: Record<string, unknown> = {}
  circle.self = circle
  const throwing = (thrown: unknown) => ({
    toPostgres() {
      throw thrown
    }
  })
  const REFUSED = [
    ['a circle', { text: 'select $1', values: [circle] }, /circular/i],
    ['a value that throws', { text: 'select $1', values: [throwing(new RangeError('mine'))] }, /^mine$/],
    ['a value that throws no Error', { text: 'select $1', values: [throwing('a text')] }, /^a text$/],
    ['a bad value under a name', { name: 'bad', text: 'select $1', values: [circle] }, /circular/i],
    ['a bad value in parts', { text: 'select $1', values: [circle], rows: 1 }, /circular/i],
    ['more values than there may be', { text: 'select 1', values: new Array(65_536) }, /at most 65535/],
    ['values that are no array', { text: 'select $1', values: 'x' }, /^Query values must be an array$/],
    ['neither text nor name', { values: [1] }, /^A query must have either text or a name\. Supplying/],
    [
      'a name of another text',
      { name: 'taken', text: 'select 2' },
      /^Prepared statements must be unique - 'taken' was used for a different statement$/
    ]
  ] as const

  for (const [title, query, wanted] of REFUSED)
    t.test(`for ${title}`, async t => {
      const { client } = await openClient(t)
      await client.query({ name: 'taken', text: 'select 1' })
      const order: string[] = []
      const note = (name: string) => () => order.push(name)

      const [before, refused, after] = await Promise.allSettled([
        client.query('select 1 as n').finally(note('before')),
        client.query(Object(query)).finally(note('refused')),
        client.query('select 2 as n').finally(note('after'))
      ])

      t.match([before, after], [{ value: { rows: [{ n: 1 }] } }, { value: { rows: [{ n: 2 }] } }])
      t.match(refused, { status: 'rejected', reason: { message: wanted } })
      t.strictSame(order, ['before', 'refused', 'after'])
      t.equal(client.unanswered, 0)
      t.equal(await number(client, 3), 3)
    })

  t.test('also when nothing else is under way', async t => {
    const { client } = await openClient(t)

    await t.rejects(client.query('select $1', [circle]), { name: 'TypeError' })

    t.equal(client.unanswered, 0)
  })

  t.test('and a value is asked for once, whatever it does', async t => {
    const { client } = await openClient(t)
    const { client: other } = await openClient(t)
    let asked = 0
    let aside: Promise<number> | undefined
    const busy = {
      toPostgres() {
        asked += 1
        aside = number(other, 5)
        return '4'
      }
    }

    t.match(await client.query('select $1::int as n', [busy]), { rows: [{ n: 4 }] })

    t.equal(asked, 1)
    t.equal(await aside, 5)
  })
})

t.test('a name is taken by a text that was prepared for another name before', async t => {
  const { client } = await openClient(t)
  const text = 'select 1 as n'
  const first = client.query({ name: 'first', text })
  const reused = client.query({ name: 'first', text })
  const second = client.query({ name: 'second', text })
  const other = client.query({ name: 'second', text: 'select 2 as n' })

  await t.rejects(other, /'second' was used for a different statement$/)
  for (const sent of [first, reused, second]) t.match(await sent, { rows: [{ n: 1 }] })
})
