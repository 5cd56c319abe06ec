import { Client } from '@neondatabase/serverless'
import t from 'tap'
import type { NeonClient } from '../../src/neon/client.ts'
import { Flight } from '../../src/neon/flight.ts'
import { until } from '../helper.ts'
import { administer } from '../postgres.ts'
import { openClient } from './clients.ts'
import { pidOf } from './pools.ts'

const number = (client: NeonClient, value: number) =>
  client.query('select $1::int as n', [value]).then(({ rows: [row] }) => row.n)

const rowsOf = (client: NeonClient, text: string, values?: unknown[]) =>
  client.query(text, values).then(({ rows }) => rows)

t.test('statements that are issued at once', async t => {
  t.test('leave in one frame, and are answered in order', async t => {
    const { client, sent } = await openClient(t)
    const order: number[] = []
    const first = client.query('select 1 as n').then(() => order.push(1))
    const others = [2, 3, 4].map(value => number(client, value).then(() => order.push(value)))
    t.equal(client.unanswered, 4)

    await Promise.all([first, ...others])

    t.strictSame(sent(), ['QPBDESPBDESPBDES'])
    t.strictSame(order, [1, 2, 3, 4])
    t.equal(client.unanswered, 0)
  })

  for (const place of [0, 1, 2, 3])
    t.test(`fail each for itself: number ${place + 1} of 4`, async t => {
      const { client, sent } = await openClient(t)
      const texts = ['select 10 / $1::int as n', 'select 10 / $1::int as n', 'selec $1', 'select 10 / 0']
      const wrong = (number: number) =>
        number === 0 ? client.query('selec $1', [1]) : client.query('select 10 / $1::int', [0])

      const outcomes = await Promise.allSettled(
        texts.map((_, index) =>
          index === place ? wrong(index % 2) : client.query('select $1::int as n', [index])
        )
      )

      for (const [index, outcome] of outcomes.entries())
        if (index === place) t.match(outcome, { status: 'rejected', reason: { code: /^(42601|22012)$/ } })
        else t.match(outcome, { status: 'fulfilled', value: { rows: [{ n: index }] } })
      t.equal(sent().length, 1)
      t.equal(client.unanswered, 0)
      t.equal(client.transactionStatus, 'idle')
    })

  t.test('may all fail', async t => {
    const { client } = await openClient(t)

    const outcomes = await Promise.allSettled([1, 2, 3].map(() => client.query('select 1 / 0')))

    for (const outcome of outcomes) t.match(outcome, { status: 'rejected', reason: { code: '22012' } })
    t.equal(await number(client, 1), 1)
  })

  t.test('may be of all kinds', async t => {
    const { client } = await openClient(t)

    const [several, empty, arrays, callback, text, query] = await Promise.all([
      client.query('select 1 as a; select 2 as b'),
      client.query(''),
      client.query({ text: 'select $1::int, 2', values: [1], rowMode: 'array' }),
      new Promise((resolve, reject) =>
        client.query('select $1::int as n', [7], (error, { rows }) => (error ? reject(error) : resolve(rows)))
      ),
      client.query('select $1 as n', ['é\u{1f600}']),
      new Promise((resolve, reject) => {
        const events = new (Reflect.get(Client, 'Query'))('select 1 as n union select 2 order by 1')
        const rows: unknown[] = []
        events.on('row', (row: unknown) => rows.push(row))
        events.on('end', () => resolve(rows))
        events.on('error', reject)
        client.query(events)
      })
    ])

    t.match(several, [{ rows: [{ a: 1 }] }, { rows: [{ b: 2 }] }])
    t.match(empty, { rows: [] })
    t.match(arrays, { rows: [[1, 2]] })
    t.strictSame(callback, [{ n: 7 }])
    t.match(text, { rows: [{ n: 'é\u{1f600}' }] })
    t.strictSame(query, [{ n: 1 }, { n: 2 }])
  })

  t.test('may come out of the callback of another, with success or not', async t => {
    const { client } = await openClient(t)
    const afterSuccess = new Promise(resolve =>
      client.query('select 1', () => number(client, 3).then(resolve))
    )
    const afterError = new Promise(resolve =>
      client.query('select 1 / 0', () => number(client, 4).then(resolve))
    )

    t.equal(await number(client, 2), 2)

    t.strictSame(await Promise.all([afterSuccess, afterError]), [3, 4])
  })

  t.test('before the login is over leave when it is', async t => {
    const { client, sent } = await openClient(t, { connects: false })
    const early = [number(client, 1), number(client, 2)]

    await client.connect()

    t.strictSame(await Promise.all(early), [1, 2])
    t.equal(sent().at(-1), 'PBDESPBDES')
  })

  t.test('may be a transaction, and what the server says meanwhile is heard', async t => {
    const { client } = await openClient(t)
    const notices: unknown[] = []
    client.on('notice', notice => notices.push(Reflect.get(Object(notice), 'message')))

    await Promise.all([
      client.query('begin'),
      client.query("do $$ begin raise notice 'one'; end $$"),
      client.query('create temp table kept (n int)'),
      client.query("do $$ begin raise notice 'two'; end $$"),
      client.query('commit'),
      client.query('select * from kept')
    ])

    t.strictSame(notices, ['one', 'two'])
    t.equal(client.transactionStatus, 'idle')
  })

  t.test('end with one drain', async t => {
    const { client } = await openClient(t)
    let drains = 0
    client.on('drain', () => {
      drains += 1
    })

    await Promise.all([1, 2, 3].map(value => number(client, value)))

    t.equal(drains, 1)
    await number(client, 4)
    t.equal(drains, 2)
  })
})

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

  t.test('are each prepared anew when the first one could not be', async t => {
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

    await client.query('deallocate all')

    await t.rejects(named(client, 2), { code: '26000' })
    t.equal(await named(client, 3), 3)
  })

  t.test('keep the server at what one connection may have', async t => {
    const { client } = await openClient(t)
    const count = () => rowsOf(client, 'select count(*)::int as n from pg_prepared_statements')

    for (let index = 0; index < 210; index += 1) {
      await named(client, index, `name ${index}`)
      if (index > 195) t.ok(Reflect.get(Object((await count())[0]), 'n') <= 200)
    }
    t.strictSame(await count(), [{ n: 200 }])
    const names = Array.from({ length: 210 }, (_, index) => named(client, index, `at once ${index}`))
    t.strictSame(await Promise.all(names), Object.keys(names).map(Number))
    t.equal(await named(client, 1, 'name 209'), 1)

    t.strictSame(await count(), [{ n: 200 }])
  })

  t.test('may be called by it alone', async t => {
    const { client } = await openClient(t)
    await named(client, 1)

    const { rows } = await client.query(Object({ name: 'one', values: [2] }))

    t.strictSame(rows, [{ n: 2 }])
  })
})

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

t.test('a statement that takes too long', async t => {
  t.test('is given up alone, and the others get their own answers', async t => {
    const { client } = await openClient(t)
    const limited = new (Reflect.get(Client, 'Query'))('select pg_sleep(0.4)')
    limited.query_timeout = 100
    const late = new Promise(resolve => {
      limited.callback = resolve
    })

    const before = number(client, 1)
    client.query(limited)
    const others = [2, 3].map(value => number(client, value))

    t.match(await late, { message: 'Query read timeout' })
    t.equal(client.unanswered, 3)
    t.strictSame(await Promise.all([before, ...others]), [1, 2, 3])
    t.equal(client.unanswered, 0)
  })

  t.test('is not sent any more when it was still waiting', async t => {
    const { client, sent } = await openClient(t)
    const limited = new (Reflect.get(Client, 'Query'))('copy (select 1) to stdout')
    limited.query_timeout = 100
    const late = new Promise(resolve => {
      limited.callback = resolve
    })

    const slow = client.query('select pg_sleep(0.4)')
    client.query(limited)
    const after = number(client, 2)

    t.match(await late, { message: 'Query read timeout' })
    await slow
    t.equal(await after, 2)
    t.strictSame(sent(), ['Q', 'PBDES'])
  })
})

t.test('a link that is lost', async t => {
  t.test('rejects each statement once, those in the queue too, and leaves none', async t => {
    const { client, databaseUrl } = await openClient(t)
    const pid = await pidOf(client)
    let settled = 0
    const outcomes = Promise.allSettled(
      [
        client.query('select pg_sleep(60)'),
        number(client, 1),
        client.query(Object({ values: [1] })),
        client.query('copy (select 1) to stdout'),
        number(client, 2)
      ].map(statement =>
        statement.finally(() => {
          settled += 1
        })
      )
    )
    await until(async () => (await running(databaseUrl)) === 1)

    await administer(`select pg_terminate_backend(${pid})`)

    for (const outcome of await outcomes) t.equal(outcome.status, 'rejected')
    t.equal(settled, 5)
    t.equal(client.unanswered, 0)
    await until(() => !client.isLinked)
    await t.rejects(client.query('select 1'))
  })
})

t.test('a flight', async t => {
  t.test('leaves among other statements, with one answer', async t => {
    const { client, sent } = await openClient(t)
    const flight = new Flight([
      { text: 'begin read only', isQuiet: true },
      { name: 'named', text: 'select $1::int as n', values: [2] },
      { text: 'commit', isQuiet: true }
    ])

    const [before, results, after] = await Promise.all([
      number(client, 1),
      client.fly(flight),
      number(client, 3)
    ])

    t.strictSame([before, after], [1, 3])
    t.match(results, [{ command: 'BEGIN' }, { rows: [{ n: 2 }] }, { command: 'COMMIT' }])
    t.equal(flight.answered, 3)
    t.strictSame(sent(), ['PBDESPBECPBDEPBESPBDES'])
  })

  t.test('fails with its first error, and alone', async t => {
    const { client } = await openClient(t)
    const flight = new Flight([{ text: 'select 1' }, { text: 'select 1 / 0' }, { text: 'select 2' }])

    const [failed, after] = await Promise.allSettled([client.fly(flight), number(client, 3)])

    t.match(failed, { status: 'rejected', reason: { code: '22012' } })
    t.match(after, { value: 3 })
    t.equal(flight.answered, 1)
  })

  t.test('does not wait for a name that is awaited', async t => {
    const { client, sent } = await openClient(t)
    const named = { name: 'one', text: 'select $1::int as n' }
    const fly = (value: number) => client.fly(new Flight([{ ...named, values: [value] }]))

    const outcomes = await Promise.all([fly(1), fly(2), client.query({ ...named, values: [3] })])

    t.match(outcomes, [[{ rows: [{ n: 1 }] }], [{ rows: [{ n: 2 }] }], { rows: [{ n: 3 }] }])
    t.strictSame(sent(), ['CPBDESPBDES', 'BDES'])
  })

  t.test('finds its names prepared again when it could not prepare them', async t => {
    const { client } = await openClient(t)
    const fly = () =>
      client.fly(new Flight([{ text: 'select 1' }, { name: 'late', text: 'select * from late' }]))

    await t.rejects(fly(), { code: '42P01' })
    await client.query('create table late as select 1 as n')

    t.match(await fly(), [{}, { rows: [{ n: 1 }] }])
  })
})

t.test('a client that does not pipeline', async t => {
  t.test('sends one statement after another, as the driver does', async t => {
    const { client, sent } = await openClient(t, { pipelines: false })

    const outcomes = await Promise.all([number(client, 1), client.query('select 2 as n'), number(client, 3)])

    t.match(outcomes, [1, { rows: [{ n: 2 }] }, 3])
    t.strictSame(sent(), ['PBDEHS', 'Q', 'PBDEHS'])
  })

  t.test('knows the names that it has prepared', async t => {
    const { client, sent } = await openClient(t, { pipelines: false })
    const named = () => client.query({ name: 'one', text: 'select 1 as n' })

    t.match(await Promise.all([named(), named()]), [{ rows: [{ n: 1 }] }, { rows: [{ n: 1 }] }])

    t.strictSame(sent(), ['PBDEHS', 'BDEHS'])
    await t.rejects(client.query({ name: 'one', text: 'select 2' }), /must be unique/)
  })

  t.test('has no flights', async t => {
    const { client } = await openClient(t, { pipelines: false })

    await t.rejects(client.fly(new Flight([{ text: 'select 1' }])), /needs a client that pipelines/)

    t.equal(await number(client, 1), 1)
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

/** Statements that wait in the server for their time to pass. */
async function running(databaseUrl: string): Promise<number> {
  const sleeping =
    "select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
  return (await administer(sleeping, databaseUrl)).length
}
