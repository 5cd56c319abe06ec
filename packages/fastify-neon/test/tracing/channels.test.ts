import { tracingChannel } from 'node:diagnostics_channel'
import { sql } from 'drizzle-orm'
import Cursor from 'pg-cursor'
import t from 'tap'
import { until } from '../../../../test/support/app.ts'
import { createDatabase } from '../../../../test/support/postgres.ts'
import { createDatabase as createDrizzle } from '../../src/drizzle/database.ts'
import { createBackgroundConnect } from '../../src/plugins/background-connect.ts'
import { ownQuery } from '../../src/plugins/own-query.ts'
import { SUSPEND_AFTER_MS } from '../../src/pool/wakes.ts'
import { STATEMENT, type TransactionMessage } from '../../src/tracing/channels.ts'
import { openNotes } from '../support/notes.ts'
import { kill, openPool, pidOf } from '../support/pools.ts'
import { caller, recordTraces, type Told } from '../support/recorded-traces.ts'
import { afterSend, breakLink, loseAt, type Wire } from '../support/wire.ts'

const endOf = ({ message: { outcome, attempt, error } }: Told<TransactionMessage>) =>
  [outcome, attempt, ...(error instanceof Error ? [Reflect.get(error, 'code')] : [])].join(', ')

const texts = (told: { message: { text: string } }[]) => told.map(({ message }) => message.text)

t.test('the channel of statements', async t => {
  t.test('tells of each, however it is sent, from the call to its answer', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const { statements } = recordTraces(t, pool)

    await pool.query('select 1')
    await pool.query('create temporary table a (n int)')
    await createDrizzle(pool).execute(sql`select ${2}::int`)
    const client = await pool.connect()
    await client.query({ text: 'select 3' })
    await new Promise(resolve => client.query('select 4', resolve))
    await new Promise(resolve => client.query('select $1::int', [5], resolve))
    client.release()

    t.strictSame(texts(statements), [
      'select 1',
      'create temporary table a (n int)',
      'select $1::int',
      'select 3',
      'select 4',
      'select $1::int'
    ])
    t.ok(statements.every(({ hasEnded, message }) => hasEnded && !('error' in message)))
    t.match(statements[0]?.message, { pool, attempt: 1, previous: undefined, ahead: 0 })
    t.match(tracingChannel('fastify-neon:statement').start, STATEMENT.start)
  })

  t.test('tells what one failed with', async t => {
    const { pool } = await openPool(t)
    const { statements } = recordTraces(t, pool)

    await t.rejects(pool.query('select nothing'))
    await t.rejects(pool.query('insert into nothing values (1)'))

    t.match(
      statements.map(({ message }) => message.error),
      [{ code: '42703' }, { code: '42P01' }]
    )
  })

  t.test('tells nothing of what sends itself, and of clients without a pool', async t => {
    const { pool } = await openPool(t)
    const { statements } = recordTraces(t, pool)
    const client = await pool.connect()

    const cursor = client.query(new Cursor('select 1'))
    await cursor.read(1)
    await cursor.close()
    await new Promise(resolve => client.query({ text: 'select 2', callback: resolve } as never))
    client.release()
    t.equal(await pool.ping(10_000), undefined)

    t.strictSame(statements, [])
  })

  t.test('is told by whoever called, although others send for him', async t => {
    const { pool } = await openPool(t, { max: 1, maxPipelined: 4 })
    await pool.query('select 1')
    const { statements, checkouts } = recordTraces(t, pool)
    const users = ['alice', 'bob', 'carol', 'dave', 'eve', 'frank']

    await Promise.all(
      users.map(user => caller.run(user, () => pool.query('select $1::text as whose', [user])))
    )

    t.strictSame(statements.map(told => told.caller).sort(), users)
    t.strictSame(
      checkouts.map(told => told.caller),
      users
    )
  })

  t.test('tells how many are ahead on the connection', async t => {
    const { pool } = await openPool(t)
    const client = await pool.connect()
    const { statements } = recordTraces(t, pool)

    await Promise.all([
      client.query('select 1'),
      client.query('select 2'),
      client.query('select $1::int', [3])
    ])
    client.release()

    t.strictSame(
      statements.map(({ message }) => message.ahead),
      [0, 1, 2]
    )
  })

  t.test('is not told by the request because of which a plugin asks or connects', async t => {
    const { pool } = await openPool(t)
    const { statements, checkouts } = recordTraces(t, pool)
    const connect = createBackgroundConnect(() => pool.connect())

    await caller.run('alice', async () => {
      connect.begin()
      await ownQuery(pool)('select 1')
    })

    t.match(statements, [{ caller: undefined }])
    t.strictSame(
      checkouts.map(told => told.caller),
      [undefined, undefined]
    )
  })

  t.test('tells of a read that is sent again, with the attempt before', async t => {
    const { pool } = await openPool(t, { max: 1 }, await createDatabase(t))
    const { statements } = recordTraces(t, pool)
    pool.once('connect', (client: Wire) =>
      afterSend(client, text => {
        if (text.startsWith('select')) breakLink(client)
      })
    )

    await createDrizzle(pool, { role: 'app_user' }).execute(sql`select 1`)

    t.match(
      statements.map(({ message }) => message),
      [{ attempt: 1, error: Object }, { attempt: 2 }]
    )
    t.equal(statements[1]?.message.previous, statements[0]?.message)
  })
})

t.test('the channel of transactions', async t => {
  t.test('tells of the whole, with its statements and COMMIT inside, and how it ended', async t => {
    const { db, pool } = await openNotes(t)
    const { steps, statements, transactions } = recordTraces(t, pool)

    await db.transaction(tx => tx.execute(sql`insert into notes values ('one')`))
    await t.rejects(db.transaction(tx => tx.execute(sql`insert into notes values ('one')`)))

    t.strictSame(steps.slice(0, 9), [
      'transaction begins',
      'checkout begins',
      'connect begins',
      'connect ends',
      'checkout ends',
      'statement begins',
      'statement ends',
      'statement begins',
      'statement ends'
    ])
    t.strictSame(texts(statements), [
      "insert into notes values ('one')",
      'COMMIT',
      "insert into notes values ('one')",
      'ROLLBACK'
    ])
    t.strictSame(transactions.map(endOf), ['committed, 1', 'rolled-back, 1, FST_NEON_CONFLICT'])
  })

  t.test('counts the runs of the work, and the first statement knows when it was sent again', async t => {
    const { db, pool } = await openNotes(t)
    const { statements, transactions } = recordTraces(t, pool)
    let runs = 0

    await db.transaction(
      async tx => {
        runs += 1
        await tx.execute(sql`select 1`)
        if (runs === 1) await tx.execute(sql.raw("do $$ begin raise sqlstate '40001'; end $$"))
      },
      { retry: 1 }
    )
    pool.once('acquire', (client: Wire) => loseAt(client, 0, 'behind', () => breakLink(client)))
    await db.transaction(tx => tx.execute(sql`insert into notes values ('one')`))

    t.strictSame(transactions.map(endOf), ['committed, 2', 'committed, 1'])
    const inserts = statements.filter(({ message }) => message.text.startsWith('insert'))
    t.strictSame(
      inserts.map(({ message }) => message.attempt),
      [1, 2]
    )
  })
})

t.test('the channel of batches tells of the whole, and of no statement in it', async t => {
  const { db, pool } = await openNotes(t)
  const { batches, statements } = recordTraces(t, pool)

  await db.$batch(db => [db.execute(sql`insert into notes values ('one')`), db.execute(sql`select 1`)])
  await t.rejects(db.$batch(db => [db.execute(sql`insert into notes values ('one')`)]))
  pool.once('acquire', (client: Wire) => loseAt(client, 0, 'before', () => breakLink(client)))
  const readOnly = createDrizzle(pool, {}, { readOnly: true })
  await readOnly.$batch(db => [db.execute(sql`select 1`)])
  t.strictSame(await db.$batch(() => []), [])

  t.strictSame(batches[0]?.message.texts, ["insert into notes values ('one')", 'select 1'])
  t.strictSame(batches.map(endOf), ['committed, 1', 'rolled-back, 1, 23505', 'committed, 2'])
  t.strictSame(statements, [])
})

t.test('the channel of connects tells of each try', async t => {
  const { pool } = await openPool(t, { connectTimeoutMs: 300 }, 'postgresql://me:word@127.0.0.1:1/none')
  const { connects, checkouts } = recordTraces(t, pool)

  await t.rejects(pool.connect(), { code: 'FST_NEON_UNREACHABLE' })

  t.ok(connects.length >= 2)
  t.match(checkouts, [{ hasEnded: true, message: { error: { code: 'FST_NEON_UNREACHABLE' } } }])
})

t.test('the channel of wakes', async t => {
  t.test('tells of the wait for a compute that has taken leave', async t => {
    const { pool } = await openPool(t)
    const { steps, wakes } = recordTraces(t, pool)
    await kill(await pidOf(pool))
    await until(() => pool.totalCount === 0)
    steps.length = 0

    await pool.query('select 1')
    await pool.query('select 1')

    t.strictSame(steps.slice(0, 6), [
      'checkout begins',
      'wake begins',
      'connect begins',
      'connect ends',
      'wake ends',
      'checkout ends'
    ])
    t.equal(wakes.length, 1)
  })

  t.test('tells of the wait after five silent minutes', async t => {
    const { pool } = await openPool(t)
    await pool.connect().then(client => client.release(true))
    Object.defineProperty(pool.lastResponse, 'ageMs', { value: SUSPEND_AFTER_MS })
    const { wakes } = recordTraces(t, pool)

    await pool.query('select 1')

    t.match(wakes, [{ hasEnded: true }])
  })
})

t.test('a subscriber runs the work in a context of its own', async t => {
  const { db, pool } = await openNotes(t)
  const seen: (string | undefined)[] = []
  const { transactions } = recordTraces(t, pool)
  const within = (message: object) =>
    Object.assign(message, { within: (work: () => unknown) => caller.run('inner', work) })
  const channel = tracingChannel('fastify-neon:transaction').start
  channel.subscribe(within as never)
  t.teardown(() => channel.unsubscribe(within as never))

  await caller.run('outer', () =>
    db.transaction(async tx => {
      seen.push(caller.getStore())
      await tx.execute(sql`select 1`)
    })
  )

  t.strictSame([transactions[0]?.caller, ...seen], ['outer', 'inner'])
})
