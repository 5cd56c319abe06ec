/**
 * Statements on one connection: they leave together, and each has an outcome of its own.
 */
import { Client } from '@neondatabase/serverless'
import t from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer } from '../../../../test/support/postgres.ts'
import type { NeonClient } from '../../src/client/client.ts'
import { Pipeline } from '../../src/client/pipeline.ts'
import { number, openClient } from '../support/clients.ts'
import { pidOf } from '../support/pools.ts'

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
      t.equal(await number(client, 1), 1)
      t.match(client, { unanswered: 0, transactionStatus: 'idle' })
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

t.test(
  'a pipeline on a client that has ended, or has lost its connection, fails as a query of the driver',
  async t => {
    const pipeline = () => new Pipeline([{ text: 'select 1' }])

    for (const leave of [
      (client: NeonClient) => client.end(),
      (client: NeonClient) => client.connection.emit('error', new Error('lost'))
    ]) {
      const { client } = await openClient(t)
      client.on('error', () => {})
      leave(client)

      const { message } = await client.query('select 1').catch(error => error)
      await t.rejects(client.runPipeline(pipeline()), { message })
    }
  }
)

t.test('a statement that takes too long', async t => {
  t.test('is given up alone, and the others get their own answers', async t => {
    const { client } = await openClient(t)
    const limited = new (Reflect.get(Client, 'Query'))('select pg_sleep(1)')
    limited.query_timeout = 300
    const late = new Promise(resolve => {
      limited.callback = resolve
    })

    const before = number(client, 1)
    client.query(limited)
    const others = [2, 3].map(value => number(client, value))

    t.match(await late, { message: 'Query read timeout' })
    t.ok(client.unanswered >= 3, 'its own answer is still to come')
    t.strictSame(await Promise.all([before, ...others]), [1, 2, 3])
    t.equal(client.unanswered, 0)
  })

  t.test('is not sent any more when it was still waiting', async t => {
    const { client, sent } = await openClient(t)
    const limited = new (Reflect.get(Client, 'Query'))('copy (select 1) to stdout')
    limited.query_timeout = 300
    const late = new Promise(resolve => {
      limited.callback = resolve
    })

    const slow = client.query('select pg_sleep(1)')
    client.query(limited)
    const after = number(client, 2)

    t.match(await late, { message: 'Query read timeout' })
    await slow
    t.equal(await after, 2)
    t.strictSame(sent(), ['Q', 'PBDES'])
  })

  t.test('is not sent any more when it is a pipeline that was still waiting', async t => {
    const { client, sent } = await openClient(t)
    const slow = client.query('copy (select pg_sleep(1)) to stdout')
    Object.assign(Reflect.get(client, 'connectionParameters'), { query_timeout: 300 })

    const late = client.runPipeline(new Pipeline([{ text: 'select 1' }]))
    Object.assign(Reflect.get(client, 'connectionParameters'), { query_timeout: false })
    const after = number(client, 2)

    await t.rejects(late, { message: 'Query read timeout' })
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
    await until(() => !client.isConnected)
    await t.rejects(client.query('select 1'))
  })
})

t.test('a pipeline', async t => {
  t.test('leaves among other statements, with one answer', async t => {
    const { client, sent } = await openClient(t)
    const pipeline = new Pipeline([
      { text: 'begin read only', isQuiet: true },
      { name: 'named', text: 'select $1::int as n', values: [2] },
      { text: 'commit', isQuiet: true }
    ])

    const [before, results, after] = await Promise.all([
      number(client, 1),
      client.runPipeline(pipeline),
      number(client, 3)
    ])

    t.strictSame([before, after], [1, 3])
    t.match(results, [{ rows: [] }, { rows: [{ n: 2 }] }, { rows: [] }])
    t.equal(pipeline.answered, 3)
    t.strictSame(sent(), ['PBDESPBECPBDEPBESPBDES'])
  })

  t.test('fails with its first error, and alone', async t => {
    const { client } = await openClient(t)
    const pipeline = new Pipeline([{ text: 'select 1' }, { text: 'select 1 / 0' }, { text: 'select 2' }])

    const [failed, after] = await Promise.allSettled([client.runPipeline(pipeline), number(client, 3)])

    t.match(failed, { status: 'rejected', reason: { code: '22012' } })
    t.match(after, { value: 3 })
    t.equal(pipeline.answered, 1)
  })

  t.test('does not wait for a name that is awaited', async t => {
    const { client, sent } = await openClient(t)
    const named = { name: 'one', text: 'select $1::int as n' }
    const fly = (value: number) => client.runPipeline(new Pipeline([{ ...named, values: [value] }]))

    const outcomes = await Promise.all([fly(1), fly(2), client.query({ ...named, values: [3] })])

    t.match(outcomes, [[{ rows: [{ n: 1 }] }], [{ rows: [{ n: 2 }] }], { rows: [{ n: 3 }] }])
    t.strictSame(sent(), ['CPBDESPBDES', 'BDES'])
  })

  t.test('finds its names prepared again when it could not prepare them', async t => {
    const { client } = await openClient(t)
    const fly = () =>
      client.runPipeline(new Pipeline([{ text: 'select 1' }, { name: 'late', text: 'select * from late' }]))

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

  t.test('has no pipelines', async t => {
    const { client } = await openClient(t, { pipelines: false })

    await t.rejects(client.runPipeline(new Pipeline([{ text: 'select 1' }])), /needs a client that pipelines/)

    t.equal(await number(client, 1), 1)
  })
})

/** Statements that wait in the server for their time to pass. */
async function running(databaseUrl: string): Promise<number> {
  const sleeping =
    "select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
  return (await administer(sleeping, databaseUrl)).length
}
