/**
 * What must not share the way with others, and that those before and behind it do not notice.
 */
import t from 'tap'
import { number, openClient } from '../support/clients.ts'

t.test('what must not share the way', async t => {
  t.test('is COPY from the client, which is refused, and nothing else is', async t => {
    const { client, sent } = await openClient(t)
    await client.query('create table notes (n int)')
    sent()

    const [before, copy, after, last] = await Promise.allSettled([
      number(client, 1),
      client.query('copy notes from stdin'),
      number(client, 2),
      client.query('select * from notes')
    ])

    t.match(before, { value: 1 })
    t.match(copy, { status: 'rejected', reason: { code: '57014' } })
    t.match(after, { value: 2 })
    t.match(last, { value: { rows: [] } })
    t.strictSame(sent(), ['PBDES', 'Q', 'f', 'PBDESQ'])
  })

  t.test('is COPY to the client, of which the driver keeps no rows', async t => {
    const { client } = await openClient(t)

    const [before, copy, after] = await Promise.all([
      number(client, 1),
      client.query('copy (select generate_series(1, 100)) to stdout'),
      number(client, 2)
    ])

    t.strictSame([before, after], [1, 2])
    t.match(copy, { command: 'COPY', rowCount: 100, rows: [] })
  })

  t.test('is COMMIT, so that it is known whether it left', async t => {
    const { client, sent } = await openClient(t)

    await Promise.all([client.query('begin'), client.query('select 1'), client.query('commit')])

    t.strictSame(sent(), ['QQ', 'Q'])
  })

  t.test('is a result that is fetched in parts', async t => {
    const { client, sent } = await openClient(t)
    const inParts = (name?: string) =>
      client
        .query(Object({ text: 'select generate_series(1, $1::int) as n', values: [5], rows: 2, name }))
        .then(({ rows }: { rows: { n: number }[] }) => rows.map(({ n }) => n))
    const five = [1, 2, 3, 4, 5]

    t.strictSame(await Promise.all([number(client, 1), inParts(), number(client, 2)]), [1, five, 2])
    t.strictSame(await Promise.all([inParts('parts'), inParts('parts'), number(client, 3)]), [five, five, 3])

    t.match(sent().slice(0, 2), ['PBDES', /^PBDEH/])
  })

  const WITHOUT_SYNC = [
    [
      'parts of a result that ends in an error',
      { text: 'select 1 / (3 - n) from generate_series(1, 5) n', rows: 2 },
      '22012'
    ],
    ['parts of what is no statement', { text: 'selec 1', rows: 2 }, '42601'],
    ['parts of an empty text', { text: '', rows: 2 }, undefined],
    ['COPY in parts', { text: 'copy kept from stdin', rows: 2 }, '57014'],
    ['COPY with a value that it does not take', { text: 'copy kept from stdin', values: [1] }, '08P01'],
    ['COPY with a name', { name: 'copy', text: 'copy kept from stdin' }, '57014']
  ] as const
  for (const [title, query, code] of WITHOUT_SYNC)
    t.test(`is ${title}, behind which the next one is answered`, async t => {
      const { client } = await openClient(t)
      await client.query('create temp table kept (n int)')

      const [before, outcome, after] = await Promise.allSettled([
        number(client, 1),
        client.query(Object(query)),
        number(client, 2)
      ])

      t.match([before, after], [{ value: 1 }, { value: 2 }])
      t.match(outcome, code === undefined ? { status: 'fulfilled' } : { reason: { code } })
      t.equal(client.unanswered, 0)
      t.equal(await number(client, 3), 3)
    })

  t.test('is the query of another library', async t => {
    const { client, sent } = await openClient(t)
    const own = foreignQuery(sends('select 1 as foreign'))
    const failing = foreignQuery(sends('select 1 / 0'))

    const [before, , , after] = await Promise.allSettled([
      number(client, 1),
      client.query(own) && own.ended,
      client.query(failing) && failing.ended,
      number(client, 2)
    ])

    t.match([before, after], [{ value: 1 }, { value: 2 }])
    t.strictSame(own.heard, ['row description', 'row', 'SELECT 1', 'ready'])
    t.match(failing.heard, ['error: division by zero'])
    t.strictSame(sent(), ['PBDES', 'Q', 'Q', 'PBDES'])
  })

  t.test('is the query of another library that cannot be sent', async t => {
    const { client } = await openClient(t)
    const refused = foreignQuery(() => new Error('not today'))

    const before = number(client, 1)
    client.query(refused)
    const after = number(client, 2)

    t.strictSame(await Promise.all([before, after]), [1, 2])
    await refused.ended
    t.strictSame(refused.heard, ['error: not today'])
  })
})

interface Connection {
  query(text: string): void
}

/** What a library such as pg-cursor hands to `client.query`. */
function foreignQuery(send: (connection: Connection) => Error | undefined) {
  const heard: string[] = []
  let end = () => {}
  const ended = new Promise<void>(resolve => {
    end = resolve
  })
  return {
    heard,
    ended,
    submit: send,
    handleRowDescription: () => heard.push('row description'),
    handleDataRow: () => heard.push('row'),
    handleCommandComplete: ({ text }: { text: string }) => heard.push(text),
    handleEmptyQuery() {},
    handleError({ message }: Error) {
      heard.push(`error: ${message}`)
      end()
    },
    handleReadyForQuery() {
      heard.push('ready')
      end()
    }
  }
}

const sends = (text: string) => (connection: Connection) => {
  connection.query(text)
  return undefined
}
