import { EventEmitter, once } from 'node:events'
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer } from '../../../../test/support/postgres.ts'
import type { NeonPoolOptions } from '../../src/pool/pool.ts'
import type { Scope } from '../../src/transaction/scope.ts'
import { runTransaction } from '../../src/transaction/transaction.ts'
import { isRunning, notes, openNotes } from '../support/notes.ts'
import { changeStep, failBind } from '../support/steps.ts'
import { afterPiece, afterSend, breakLink, loseAt, type Wire } from '../support/wire.ts'

async function open(t: Test, limits: Partial<NeonPoolOptions> = {}) {
  const opened = await openNotes(t, limits)
  const { pool } = opened
  const pieces: string[][] = []
  pool.on('connect', (client: Wire) => afterPiece(client, texts => pieces.push(texts)))
  const run = <T>(work: (client: Scope['client']) => Promise<T>, options = {}) =>
    runTransaction(pool, options, ({ client }) => work(client))
  return { ...opened, pieces, run }
}

const CLEAN = { total: 1, idle: 1, checkedOut: 0, waiting: 0 }
const insert = (body: string) => sql`insert into notes values (${body})`

t.test('a transaction', async t => {
  t.test('begins with its first statement, in one piece', async t => {
    const { db, pieces, stored } = await open(t)

    await db.transaction(tx => tx.execute(insert('one')))

    t.strictSame(pieces, [['BEGIN', 'insert into notes values ($1)'], ['COMMIT']])
    t.strictSame(await stored(), ['one'])
  })

  t.test('without a statement sends nothing', async t => {
    const { db, pieces, pool } = await open(t)

    t.equal(await db.transaction(async () => 'nothing'), 'nothing')
    await t.rejects(
      db.transaction(async () => {
        throw new Error('business')
      }),
      { message: 'business' }
    )

    t.strictSame(pieces, [])
    t.match(pool.stats(), { ...CLEAN, transactionsCommitted: 1, transactionsRolledBack: 1 })
  })

  t.test('keeps the order of statements that are issued at once', async t => {
    const { run, pieces } = await open(t)

    const results = await run(client =>
      Promise.all([
        client.query('create temporary table steps (n serial, body text) on commit drop'),
        ...['a', 'b', 'c'].map(body => client.query('insert into steps (body) values ($1)', [body])),
        client.query<{ all: string }>("select string_agg(body, '' order by n) as all from steps")
      ])
    )

    t.strictSame(results.at(-1)?.rows, [{ all: 'abc' }])
    t.match(pieces[0], ['BEGIN', /^create temporary/])
  })

  t.test('keeps their order also when one comes while others wait for the beginning', async t => {
    const { run } = await open(t)
    const order: string[] = []

    await run(async client => {
      const first = client.query('select 1').then(() => {
        order.push('first')
        return client.query('select 3').then(() => order.push('behind the first'))
      })
      await Promise.all([first, client.query('select 2').then(() => order.push('second'))])
    })

    t.strictSame(order, ['first', 'second', 'behind the first'])
  })

  t.test('lets its first statement be several, or one that takes data', async t => {
    const { run, pieces, stored } = await open(t)

    await run(async client => {
      await client.query("insert into notes values ('a'); insert into notes values ('b')")
      await client.query("insert into notes values ('c')")
    })
    t.strictSame(
      pieces.map(([text]) => text?.slice(0, 6)),
      ['BEGIN', 'insert', 'insert', 'COMMIT']
    )

    await t.rejects(
      run(client => client.query('copy notes from stdin')),
      /No source stream/
    )
    t.strictSame(await stored(), ['a', 'b', 'c'])
  })

  t.test('that may only read refuses what has no text, and lives on', async t => {
    const { run, pool } = await open(t)

    await run(
      async client => {
        await t.rejects(client.query(Object({})), /either text or a name/)
        t.match(await client.query('select 1 as n'), { rows: [{ n: 1 }] })
      },
      { accessMode: 'read only' }
    )

    await until(() => pool.stats().checkedOut === 0)
    t.match(pool.stats(), { ...CLEAN, connects: 1 })
  })

  t.test('may begin with a statement that is empty', async t => {
    const { run, pieces, stored } = await open(t)

    await run(async client => {
      t.match(await client.query(''), { rows: [], rowCount: null })
      await client.query("insert into notes values ('kept')")
    })

    t.strictSame(pieces, [['BEGIN', ''], ["insert into notes values ('kept')"], ['COMMIT']])
    t.strictSame(await stored(), ['kept'])
  })

  t.test('answers what waits behind several statements, with the failure of the beginning too', async t => {
    const { run, pool } = await open(t)
    pool.on('acquire', breakLink)

    const outcomes = await run(client =>
      Promise.allSettled([client.query('select 1; select 2'), client.query('select 3')]).then(outcomes => {
        t.match(outcomes, [
          { reason: { code: 'FST_NEON_UNREACHABLE' } },
          { reason: { code: 'FST_NEON_UNREACHABLE' } }
        ])
      })
    ).catch((error: unknown) => error)

    t.match(outcomes, { code: 'FST_NEON_UNREACHABLE' })
    t.match(pool.stats(), { checkedOut: 0, waiting: 0 })
  })

  t.test('whose first statement fails is rolled back, and leaves a clean client', async t => {
    const { db, pieces, pool, stored } = await open(t)

    await t.rejects(
      db.transaction(async tx => {
        await tx.execute(sql`select 1 / 0`)
      }),
      { cause: { code: '22012' } }
    )
    t.strictSame(pieces, [['BEGIN', 'select 1 / 0'], ['ROLLBACK']])

    await t.rejects(
      db.transaction(async tx => {
        await tx.execute(sql`select 1 / 0`).catch(() => {})
        await tx.execute(insert('never'))
      }),
      { cause: { code: '25P02' } }
    )
    t.strictSame(await stored(), [])
    t.match(pool.stats(), { ...CLEAN, connects: 1 })
  })

  t.test('whose work throws while its first statement is on the way leaves a clean client', async t => {
    const { db, pool, stored } = await open(t)

    await t.rejects(
      db.transaction(tx => {
        tx.execute(insert('lost')).catch(() => {})
        throw new Error('business')
      }),
      { message: 'business' }
    )

    t.strictSame(await stored(), [])
    t.match(pool.stats(), { ...CLEAN, connects: 1 })
  })

  t.test('waits for its first statement when the work does not', async t => {
    const { db, stored } = await open(t)

    await db.transaction(async tx => {
      tx.execute(insert('kept')).catch(() => {})
    })
    t.strictSame(await stored(), ['kept'])

    await t.rejects(
      db.transaction(async tx => {
        tx.execute(sql`select 1 / 0`).catch(() => {})
      }),
      { code: 'FST_NEON_ROLLED_BACK' }
    )
  })
})

t.test('the beginning of a transaction', async t => {
  t.test('is sent again, with the statement, at most twice', async t => {
    const { db, pool, stored } = await open(t)
    let lost = 0
    const lose = (client: Wire) =>
      afterSend(client, text => {
        if (text !== 'BEGIN' || lost === 2) return
        lost += 1
        breakLink(client)
      })
    pool.on('connect', lose)

    await db.transaction(tx => tx.execute(insert('once')))

    t.strictSame(await stored(), ['once'])
    t.match(pool.stats(), { connects: 3, transactionRepeats: 2, transactionsCommitted: 1 })

    lost = -1
    await pool.connect().then(client => client.release(true))
    await t.rejects(
      db.transaction(tx => tx.execute(insert('never'))),
      { code: 'FST_NEON_UNREACHABLE', retryable: true }
    )
    t.strictSame(await stored(), ['once'])
    t.match(pool.stats(), { checkedOut: 0, waiting: 0 })
  })

  t.test('is sent again when it has to go before its statement', async t => {
    const { run, pool } = await open(t)
    pool.once('acquire', (client: Wire) => loseAt(client, 0, 'behind', () => breakLink(client)))

    const results: unknown = await run(client => client.query('select 1 as a; select 2 as b'))

    t.match(results, [{ rows: [{ a: 1 }] }, { rows: [{ b: 2 }] }])
    t.match(pool.stats(), { connects: 2, transactionRepeats: 1 })
  })

  t.test('is not sent again for who has given up', async t => {
    const { db, pool, stored } = await open(t)
    const controller = new AbortController()
    pool.on('connect', (client: Wire) =>
      afterSend(client, text => {
        if (text !== 'BEGIN') return
        controller.abort()
        breakLink(client)
      })
    )

    await t.rejects(
      db.transaction(tx => tx.execute(insert('never')), { signal: controller.signal }),
      { code: 'FST_NEON_ABORTED' }
    )

    await until(() => pool.stats().checkedOut === 0)
    t.equal(pool.stats().connects, 1)
    t.strictSame(await stored(), [])
  })

  t.test('takes no client for a work that has ended meanwhile', async t => {
    const { db, pool } = await open(t)
    pool.once('acquire', (client: Wire) => loseAt(client, 0, 'behind', () => breakLink(client)))
    const sent = db.transaction(tx => {
      tx.execute(insert('never')).catch(() => {})
      return until(() => pool.stats().transactionRepeats === 1).then(() =>
        Promise.reject(new Error('business'))
      )
    })
    // It has the place that the lost one leaves free.
    const other = await pool.connect()
    t.equal(pool.waitingCount, 1)

    const failed = t.rejects(sent, { message: 'business' })
    await until(() => pool.stats().transactionsRolledBack === 1)
    other.release()

    await failed
    // Its turn comes after a second of silence, so the client is asked first, and is of nobody meanwhile.
    await until(() => pool.stats().checkouts === 3 && pool.stats().idle === 1)
    t.match(pool.stats(), CLEAN)
  })

  t.test('sends nothing on a client that comes when the work has ended', async t => {
    const { db, pool, pieces } = await open(t)
    let first: (Wire & { lastTag: string }) | undefined
    pool.once('acquire', client => {
      first = client
    })
    const failing = new EventEmitter()
    const sent = db.transaction(tx => {
      // BEGIN is answered with the first row.
      const slow = sql`select repeat('x', 20000), pg_sleep(case n when 1 then 0 else 60 end) from generate_series(1, 2) as n`
      tx.execute(slow).catch(() => {})
      return once(failing, 'now').then(() => Promise.reject(new Error('business')))
    })
    await until(() => first?.lastTag === 'BEGIN')
    const connected = pool.connect()
    if (first) breakLink(first)
    const other = await connected
    t.match(pool.stats(), { transactionRepeats: 1, waiting: 1 })

    failing.emit('now')
    await new Promise(setImmediate)
    other.release()

    await t.rejects(sent, { message: 'business' })
    await until(() => pool.stats().checkedOut === 0)
    t.notOk(pieces.flat().includes('ROLLBACK'))
    t.match(pool.stats(), CLEAN)
  })

  t.test('does not touch the client that it gave back and that is another’s now', async t => {
    const { db, pool } = await open(t)
    const controller = new AbortController()
    let isOver = false
    pool.on('connect', (client: Wire) => changeStep(client, 0, failBind, () => !isOver))
    const sent = db.transaction(tx => tx.execute(insert('never')), { signal: controller.signal })
    const other = await pool.connect()
    isOver = true
    await until(() => pool.waitingCount === 1)

    controller.abort()

    await t.rejects(sent, { code: 'FST_NEON_ABORTED' })
    t.match(pool.stats(), { total: 1, idle: 0, checkedOut: 1, waiting: 0 })
    await other.query('select 1')
    other.release()
    t.match(pool.stats(), { ...CLEAN, connects: 1 })
  })

  t.test('given up before it was sent takes no client', async t => {
    const { db, pool, pieces } = await open(t)

    await t.rejects(
      db.transaction(tx => tx.execute(insert('never')), { signal: AbortSignal.abort() }),
      { code: 'FST_NEON_ABORTED' }
    )

    t.strictSame(pieces, [])
    t.equal(pool.totalCount, 0)
  })

  t.test('given up while its statement runs ends that on the server, and stores nothing', async t => {
    const { db, pool, url, stored } = await open(t)
    const controller = new AbortController()
    const slow = sql`insert into notes select 'never' from pg_sleep(60)`
    const given = db.transaction(tx => tx.execute(slow), { signal: controller.signal })
    await until(() => isRunning(url, 'pg_sleep'))

    controller.abort()

    await t.rejects(given, { code: 'FST_NEON_ABORTED' })
    await until(async () => !(await isRunning(url, 'pg_sleep')))
    t.strictSame(await stored(), [])
    await until(() => pool.stats().total === 0)
    t.equal(pool.stats().checkedOut, 0)
  })

  t.test('whose statement takes too long ends it, and gives its client to nobody', async t => {
    const { db, pool, url, stored } = await open(t, { statementTimeoutMs: 1500 })

    await t.rejects(
      db.transaction(tx => tx.execute(sql`insert into notes select 'never' from pg_sleep(60)`)),
      { code: 'FST_NEON_STATEMENT_TIMEOUT' }
    )

    await until(async () => !(await isRunning(url, 'pg_sleep')))
    t.strictSame(await stored(), [])
    t.match(pool.stats(), { checkedOut: 0, waiting: 0 })
  })

  t.test('that the server refuses is a failure to begin', async t => {
    const { pool } = await open(t)

    await t.rejects(
      runTransaction(pool, { identity: { role: 'no_such_role' } }, ({ client }) => client.query('select 1')),
      { code: 'FST_NEON_STATEMENT_FAILED' }
    )

    await until(() => pool.stats().checkedOut === 0)
    t.equal(pool.totalCount, 0)
  })

  t.test('is sent again when its statement has a plan of before', async t => {
    const { db, pool, url } = await open(t)
    const all = sql`select * from notes`
    for (let time = 0; time < 4; time += 1) await db.transaction(tx => tx.execute(all))
    await administer('alter table notes add column more int', url)

    t.strictSame((await db.transaction(tx => tx.execute(all))).rows, [])

    t.match(pool.stats(), { ...CLEAN, connects: 1 })
  })
})

t.test('the end of a transaction', async t => {
  t.test('that could only read is not waited for, and the next user waits for it', async t => {
    const { db, pool, pieces } = await open(t)
    await db.transaction(tx => tx.select().from(notes), { accessMode: 'read only' })
    t.equal(pool.stats().checkedOut, 1, 'it is on its way back')
    await db.execute(sql`select 1`)

    t.match(pieces[1], ['COMMIT'])
    t.match(pool.stats(), { ...CLEAN, connects: 1 })
  })

  t.test('that could only read and is serializable is waited for', async t => {
    const { db, pool } = await open(t)

    await db.transaction(tx => tx.select().from(notes), {
      accessMode: 'read only',
      isolationLevel: 'serializable'
    })

    t.match(pool.stats(), CLEAN)
  })

  t.test('that wrote is waited for', async t => {
    const { db, pool, stored } = await open(t)

    await db.transaction(tx => tx.execute(insert('kept')))

    t.strictSame(await stored(), ['kept'])
    t.match(pool.stats(), CLEAN)
  })

  t.test('that is lost where nothing was written harms nobody', async t => {
    const { db, pool } = await open(t)
    pool.once('connect', (client: Wire) =>
      afterSend(client, text => {
        if (text === 'COMMIT') breakLink(client)
      })
    )

    t.strictSame(await db.transaction(tx => tx.select().from(notes), { accessMode: 'read only' }), [])

    t.ok(await db.execute(sql`select 1`))
    t.match(pool.stats(), { connects: 2, checkedOut: 0, waiting: 0 })
  })
})
