/**
 * Cursors, streams and COPY of other libraries on a checked-out client. What node-postgres does with them is what is
 * right, so each step is run on its own client too, and must end the same.
 */
import { EventEmitter, once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Client as DriverClient } from '@neondatabase/serverless'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { createDatabase } from '../../../../test/support/postgres.ts'
import type { CheckedOutClient, PoolLimits } from '../../src/pool/pool.ts'
import { makeReadable } from '../../src/socket/readable-socket.ts'
import { openPool, pidOf, untilIdleFor } from '../support/pools.ts'

/** Far above the time of a statement, also on a slow machine, and below that of a slow reader. */
const TIMEOUT_MS = 1000
const SLOW_MS = 1500

const COUNT = 'select n from generate_series(1, 10) n'
const FAILS_LATE = 'select 10 / (6 - n) as n from generate_series(1, 10) n'

const shared = createDatabase(t, { migrated: false })

const { Query } = DriverClient as unknown as typeof pg

type AnyClient = Pick<pg.Client, 'query'>

const numbers = (rows: { n: number }[]) => rows.map(({ n }) => n)

const codeOf = (error: unknown) =>
  error instanceof Error ? (Reflect.get(error, 'code') ?? error.message) : error

const failure = (promise: Promise<unknown>) => promise.then(() => 'no error', codeOf)

async function readAll(stream: AsyncIterable<{ n: number }>, pauseMs = 0): Promise<number[]> {
  const read: number[] = []
  for await (const { n } of stream) {
    read.push(n)
    if (pauseMs > 0) await untilIdleFor(pauseMs)
  }
  return read
}

async function copiedOut(client: AnyClient, statement: string): Promise<string> {
  let text = ''
  for await (const chunk of client.query(copyTo(statement))) text += chunk
  return text
}

const store = (client: AnyClient, statement: string, source: Readable) =>
  pipeline(source, client.query(copyFrom(statement)))

const stored = async (client: AnyClient) =>
  numbers((await client.query<{ n: number }>('select n from kept order by n')).rows)

async function readWhole(client: AnyClient) {
  const cursor = client.query(new Cursor<{ n: number }>(COUNT))
  const rows = numbers(await cursor.read(100))
  await cursor.close()
  return rows
}

/** What its users do with each; the result is compared. */
const STEPS: Record<string, (client: AnyClient) => Promise<unknown>> = {
  'a cursor that is read whole and closed': readWhole,
  'a cursor that is read in parts, with a value': async client => {
    const cursor = client.query(new Cursor<{ n: number }>('select n from generate_series(1, $1::int) n', [7]))
    const parts = [
      numbers(await cursor.read(3)),
      numbers(await cursor.read(3)),
      numbers(await cursor.read(3))
    ]
    const rest = await cursor.read(3)
    await cursor.close()
    return [parts, rest]
  },
  'a cursor that is closed before its end': async client => {
    const cursor = client.query(new Cursor<{ n: number }>(COUNT))
    const rows = numbers(await cursor.read(2))
    await cursor.close()
    return rows
  },
  'a cursor that is closed before it is read': async client => {
    await client.query(new Cursor(COUNT)).close()
  },
  'a cursor that fails in its midst': async client => {
    const cursor = client.query(new Cursor<{ n: number }>(FAILS_LATE))
    const rows = numbers(await cursor.read(3))
    const read = await failure(cursor.read(5))
    const again = await failure(cursor.read(5))
    await cursor.close()
    return [rows, read, again]
  },
  'a cursor over what is no statement': async client => failure(client.query(new Cursor('selec 1')).read(1)),
  'a cursor over a table that does not exist': async client =>
    failure(client.query(new Cursor('select * from nowhere')).read(1)),
  'two cursors in a row, the second behind the first': async client => {
    const first = client.query(new Cursor<{ n: number }>(COUNT))
    const second = client.query(new Cursor<{ n: number }>(COUNT))
    const rows = numbers(await first.read(2))
    await first.close()
    const others = numbers(await second.read(3))
    await second.close()
    return [rows, others]
  },
  'a cursor between statements that are not awaited': async client => {
    const before = client.query<{ n: number }>('select 1 as n')
    const cursor = client.query(new Cursor<{ n: number }>(COUNT))
    const after = client.query<{ n: number }>('select $1::int as n', [2])
    const rows = numbers(await cursor.read(4))
    await cursor.close()
    return [numbers((await before).rows), rows, numbers((await after).rows)]
  },
  'a cursor with a name, twice': async client => {
    const ask = async () => {
      const cursor = client.query(Object.assign(new Cursor<{ n: number }>(COUNT), { name: 'named' }))
      const rows = numbers(await cursor.read(100))
      await cursor.close()
      return rows
    }
    return [await ask(), await ask()]
  },
  'a cursor in a transaction': async client => {
    await client.query('begin')
    const cursor = client.query(new Cursor<{ n: number }>(COUNT))
    const rows = numbers(await cursor.read(2))
    await cursor.close()
    await client.query('insert into kept select 1')
    await client.query('commit')
    return [rows, await stored(client)]
  },
  'a stream that is read to its end': async client =>
    readAll(client.query(new QueryStream(COUNT, [], { batchSize: 3 }))),
  'a stream that is left early': async client => {
    const stream = client.query(new QueryStream(COUNT, [], { batchSize: 2 }))
    for await (const { n } of stream) if (n === 3) break
    return stream.destroyed
  },
  'a stream that is destroyed before it is read': async client => {
    const stream = client.query(new QueryStream(COUNT))
    stream.destroy()
    await once(stream, 'close')
  },
  'a stream that fails at once': async client => {
    const stream = client.query(new QueryStream('select 1/0'))
    return [await failure(readAll(stream)), stream.destroyed]
  },
  'a stream that fails in its midst': async client => {
    const read: number[] = []
    const stream = client.query(new QueryStream(FAILS_LATE, [], { batchSize: 2 }))
    stream.on('data', ({ n }) => read.push(n))
    const [error] = await once(stream, 'error')
    if (!stream.closed) await once(stream, 'close')
    return [read, codeOf(error)]
  },
  'two streams in a row': async client => [
    await readAll(client.query(new QueryStream(COUNT))),
    await readAll(client.query(new QueryStream(COUNT)))
  ],
  'COPY FROM': async client => {
    await store(client, 'copy kept from stdin', Readable.from(['1\n2\n', '3\n']))
    return stored(client)
  },
  'COPY FROM that is given up': async client => {
    const stream = client.query(copyFrom('copy kept from stdin'))
    stream.write('1\n')
    stream.destroy(new Error('given up'))
    const [error] = await once(stream, 'error')
    return [codeOf(error), await stored(client)]
  },
  'COPY FROM of what is no row': async client => [
    await failure(store(client, 'copy kept from stdin', Readable.from(['1\n', 'one\n']))),
    await stored(client)
  ],
  'COPY FROM into a table that does not exist': async client =>
    failure(store(client, 'copy nowhere from stdin', Readable.from(['1\n']))),
  'COPY TO': async client => copiedOut(client, 'copy (select generate_series(1, 4)) to stdout'),
  'COPY TO of more than its reader takes at once': async client => {
    const text = await copiedOut(client, 'copy (select generate_series(1, 100000)) to stdout')
    return [text.length, text.slice(-7)]
  },
  'COPY TO that fails at once': async client => failure(copiedOut(client, 'copy nowhere to stdout')),
  'COPY TO that fails in its midst': async client =>
    failure(copiedOut(client, `copy (${FAILS_LATE}) to stdout`)),
  'COPY TO and COPY FROM in a row': async client => {
    const text = await copiedOut(client, 'copy (select generate_series(1, 3)) to stdout')
    await store(client, 'copy kept from stdin', Readable.from([text]))
    return [text, await stored(client)]
  }
}

/** The same, where a statement may not take so long. */
const SLOW_STEPS: typeof STEPS = {
  'a cursor whose reader takes longer than a statement may': async client => {
    const cursor = client.query(new Cursor<{ n: number }>(COUNT))
    const first = numbers(await cursor.read(6))
    await untilIdleFor(SLOW_MS)
    const last = numbers(await cursor.read(6))
    await cursor.close()
    return [first, last]
  },
  'a stream that takes longer than a statement may': async client =>
    readAll(client.query(new QueryStream(COUNT, [], { batchSize: 4 })), SLOW_MS / 5),
  'COPY FROM whose source takes longer than a statement may': async client => {
    const slow = async function* () {
      yield '1\n'
      await untilIdleFor(SLOW_MS)
      yield '2\n'
    }
    await store(client, 'copy kept from stdin', Readable.from(slow()))
    return stored(client)
  },
  'COPY TO whose reader takes longer than a statement may': async client => {
    let bytes = 0
    const slow = new Writable({
      write(chunk, _encoding, done) {
        bytes += chunk.length
        if (bytes > chunk.length) done()
        else untilIdleFor(SLOW_MS).then(() => done())
      }
    })
    const statement = "copy (select repeat('x', 1000) from generate_series(1, 2000)) to stdout"
    await pipeline(client.query(copyTo(statement)), slow)
    return bytes
  }
}

// Each client has one of its own.
const TABLE = 'create temp table if not exists kept (n int); truncate kept'

async function openStock(t: Test, url: string) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  t.teardown(() => client.end())
  return client
}

async function run(client: AnyClient, step: (client: AnyClient) => Promise<unknown>) {
  await client.query(TABLE)
  return step(client)
}

for (const pipelining of [true, false]) {
  const kind = pipelining ? 'that pipelines' : 'that does not pipeline'

  t.test(`on a client ${kind}`, async t => {
    const url = await shared
    const { pool } = await openPool(t, { max: 1, pipelining }, url)
    const client = await pool.connect()
    const stock = await openStock(t, url)
    const pid = await pidOf(client)

    for (const [title, step] of Object.entries(STEPS))
      t.test(`${title} ends as with node-postgres, and the connection is used again`, async t => {
        t.strictSame(await run(client, step), await run(stock, step))

        t.equal(await pidOf(client), pid)
        t.match(pool.stats(), { total: 1, checkedOut: 1, connects: 1, clientsLost: 0 })
      })
  })

  t.test(`on a client ${kind} no timer of a statement runs`, async t => {
    const url = await shared
    const { pool } = await openPool(t, { pipelining, statementTimeoutMs: TIMEOUT_MS }, url)
    const steps = {
      ...SLOW_STEPS,
      'a cursor': readWhole,
      'a stream': STEPS['a stream that fails at once'] ?? readWhole
    }

    await Promise.all(
      Object.entries(steps).map(async ([title, step]) => {
        const [client, stock] = await Promise.all([pool.connect(), openStock(t, url)])
        const pid = await pidOf(client)

        const [found, wanted] = await Promise.all([run(client, step), run(stock, step)])

        t.strictSame(found, wanted, title)
        // A timer would have fired.
        await untilIdleFor(SLOW_MS)
        t.equal(await pidOf(client), pid, `${title}, and the connection is used again`)
        client.release()
      })
    )

    t.match(pool.stats(), { checkedOut: 0, clientsLost: 0 })
  })
}

async function openHeld(t: Test, pipelining: boolean, limits: Partial<PoolLimits> = {}) {
  const { pool } = await openPool(t, { max: 1, pipelining, ...limits }, await shared)
  const client = await pool.connect()
  const pid = await pidOf(client)
  /** The next user gets another connection, which works. */
  const isReplaced = async () => (await pidOf(pool)) !== pid
  return { pool, client: client as CheckedOutClient, isReplaced }
}

for (const pipelining of [true, false])
  t.test(
    `a client that ${pipelining ? 'pipelines' : 'does not pipeline'} and comes back too early`,
    // Side by side, since each waits for a second for the end of what is under way.
    { jobs: 5 },
    async t => {
      t.test('with an open cursor is not given to the next user', async t => {
        const { client, isReplaced } = await openHeld(t, pipelining)
        const cursor = client.query(new Cursor(COUNT))
        await cursor.read(2)

        client.release()

        t.ok(await isReplaced())
      })

      t.test('with a stream that nobody reads is not given to the next user', async t => {
        const { client, isReplaced } = await openHeld(t, pipelining)
        const stream = client.query(new QueryStream(COUNT, [], { batchSize: 2 }))
        await once(stream, 'readable')

        client.release()

        t.ok(await isReplaced())
        stream.on('error', () => {})
      })

      t.test('with a COPY TO that is left early is not given to the next user', async t => {
        const { client, isReplaced } = await openHeld(t, pipelining)
        const stream = client.query(copyTo('copy (select generate_series(1, 100000)) to stdout'))
        stream.on('error', () => {})
        for await (const _chunk of stream) break

        client.release()

        t.ok(await isReplaced())
      })

      t.test('with a COPY FROM under way is not given to the next user, and nothing is stored', async t => {
        const { client, pool, isReplaced } = await openHeld(t, pipelining)
        await client.query('create table if not exists kept (n int)')
        const stream = client.query(copyFrom('copy kept from stdin'))
        stream.on('error', () => {})
        await new Promise(resolve => stream.write('1\n', resolve))

        client.release()

        t.ok(await isReplaced())
        t.strictSame((await pool.query('select * from kept')).rows, [])
      })

      t.test('is told of the loss of its link, as its cursor is', async t => {
        const { client } = await openHeld(t, pipelining)
        const cursor = client.query(new Cursor(COUNT))
        await cursor.read(2)

        client.kill()

        t.match(await failure(cursor.read(20)), 'Connection terminated unexpectedly')
        client.release()
      })
    }
  )

for (const pipelining of [true, false])
  t.test(`a query of the driver itself, which ${pipelining ? 'pipelines' : 'does not pipeline'}`, async t => {
    t.test('needs no callback', async t => {
      const { client, isReplaced } = await openHeld(t, pipelining)
      const query = client.query(new Query('select 1 as n') as never) as unknown as pg.Query
      const rows: unknown[] = []
      query.on('row', row => rows.push(row))
      await once(query, 'end')

      t.strictSame(rows, [{ n: 1 }])
      client.release()
      t.notOk(await isReplaced())
    })

    t.test('keeps no rows that are heard one by one', async t => {
      const { client } = await openHeld(t, pipelining)
      const query = client.query(new Query(COUNT) as never) as unknown as pg.Query
      const heard: unknown[] = []
      query.on('row', row => heard.push(row))
      const [{ rows }] = await once(query, 'end')

      t.equal(heard.length, 10)
      t.strictSame(rows, [])
      client.release()
    })

    t.test('tells those who listen that it failed, or took too long', async t => {
      const { client } = await openHeld(t, pipelining, { statementTimeoutMs: TIMEOUT_MS })
      const failed = client.query(new Query('select 1/0') as never) as unknown as pg.Query
      const [error] = await once(failed, 'error')
      t.match(error, { code: '22012' })

      const slow = client.query(new Query('select pg_sleep(30)') as never) as unknown as pg.Query
      const [timeout] = await once(slow, 'error')
      t.match(timeout, { message: 'Query read timeout' })
      client.release()
    })

    t.test('ends nothing when nobody listens to its error', async t => {
      const { client, isReplaced } = await openHeld(t, pipelining)
      client.query(new Query('select 1/0') as never)
      await until(() => !client.isBusy)

      client.release()

      t.notOk(await isReplaced())
    })
  })

t.test('a cursor has no limit of its own either, which would keep rows back without an error', async t => {
  const { client, isReplaced } = await openHeld(t, true)
  const cursor = client.query(Object.assign(new Cursor(COUNT), { query_timeout: 50 }))
  await cursor.read(2)

  await untilIdleFor(100)

  t.equal((await cursor.read(20)).length, 8)
  await cursor.close()
  client.release()
  t.notOk(await isReplaced())
})

t.test(
  'a value that cannot be sent is refused on a client that does not pipeline, in the way that the caller waits',
  async t => {
    const { client, isReplaced } = await openHeld(t, false)
    const error = new TypeError('no such unit')
    const value = {
      toPostgres() {
        throw error
      }
    }
    const called = (...given: unknown[]) =>
      new Promise(resolve => Reflect.apply(client.query, client, [...given, resolve]))

    t.equal(await client.query('select $1', [value]).catch((thrown: unknown) => thrown), error)
    t.equal(
      await client.query({ text: 'select $1', values: [value] }).catch((thrown: unknown) => thrown),
      error
    )
    t.equal(await called('select $1', [value]), error)
    t.equal(await called({ text: 'select $1', values: [value] }), error)
    const query = client.query(new Query('select $1', [value]) as never) as unknown as pg.Query
    t.strictSame(await once(query, 'error'), [error])

    t.match(await client.query({ text: 'select $1 as a', values: [[1, 2]] }), { rows: [{ a: '{"1","2"}' }] })
    const good = client.query(new Query('select $1::text as a', [{ a: 1 }]) as never) as unknown as pg.Query
    const ended = once(good, 'end')
    t.strictSame(await once(good, 'row').then(([row]) => row), { a: '{"a":1}' })
    await ended
    client.release()
    t.notOk(await isReplaced())
  }
)

t.test('what came while nobody listened to the socket is heard in its order', t => {
  const stream = new EventEmitter()
  const calls: string[] = []
  const deliver = makeReadable(stream, {
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume')
  })
  const readable = stream as unknown as { pause(): void; resume(): void; read(): Buffer | null }
  readable.pause()
  readable.resume()
  deliver(Buffer.from('a'))
  deliver(Buffer.alloc(200_000, 'b'))
  const heard: string[] = []
  stream.on('data', bytes => heard.push(String(bytes)))

  deliver(Buffer.from('c'))
  readable.resume()
  deliver(Buffer.from('d'))

  t.strictSame(
    heard.map(text => [text[0], text.at(-1), text.length]),
    [
      ['a', 'c', 200_002],
      ['d', 'd', 1]
    ]
  )
  t.strictSame(calls, ['pause', 'pause', 'resume'])
  t.equal(readable.read(), null)
  t.end()
})
