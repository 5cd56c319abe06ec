import { EventEmitter, getEventListeners, once } from 'node:events'
import { sql } from 'drizzle-orm'
import t from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer, atCommit } from '../../../../test/support/postgres.ts'
import { isRunning, killOthers, notes, openNotes } from '../support/notes.ts'

/** More than there are between the end of the work and COMMIT. */
const MOMENTS = 12

/** Calls back so many microtasks later. */
function inTurns(count: number, callback: () => void) {
  if (count === 0) callback()
  else queueMicrotask(() => inTurns(count - 1, callback))
}

t.test('a transaction with a signal', async t => {
  t.test('is rolled back when it is given up in the work, whatever the work waits for', async t => {
    const { db, pool, stored } = await openNotes(t)
    const controller = new AbortController()

    await t.rejects(
      db.transaction(
        async tx => {
          await tx.insert(notes).values({ body: 'lost' })
          controller.abort(new Error('gone'))
          await once(new EventEmitter(), 'never')
        },
        { signal: controller.signal }
      ),
      { code: 'FST_NEON_ABORTED', original: { message: 'gone' } }
    )

    t.strictSame(await stored(), [])
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0, transactionsRolledBack: 1 })
    t.equal(getEventListeners(controller.signal, 'abort').length, 0)
  })

  t.test('ends the statement on the server, and gives its client to nobody', async t => {
    const { db, pool, url } = await openNotes(t)
    const controller = new AbortController()
    const given = db.transaction(tx => tx.execute(sql`select pg_sleep(60)`), { signal: controller.signal })
    await until(() => isRunning(url, 'pg_sleep'))

    controller.abort()

    await t.rejects(given, { code: 'FST_NEON_ABORTED' })
    await until(async () => !(await isRunning(url, 'pg_sleep')))
    await until(() => pool.stats().total === 0)
    t.match(pool.stats(), { checkedOut: 0, statementsCancelled: 1 })
  })

  t.test('given up before it began takes no client', async t => {
    const { db, pool } = await openNotes(t)

    await t.rejects(
      db.transaction(async () => {}, { signal: AbortSignal.abort() }),
      { code: 'FST_NEON_ABORTED' }
    )

    t.equal(pool.totalCount, 0)
  })

  t.test('given up at its end, at whatever moment, is stored or not as it says', async t => {
    const { db, stored } = await openNotes(t)
    const said: string[] = []
    const outcomes = new Set<string>()

    for (let moment = 0; moment < MOMENTS; moment += 1) {
      const controller = new AbortController()
      const body = `note ${moment}`
      const outcome = await db
        .transaction(
          async tx => {
            await tx.insert(notes).values({ body })
            inTurns(moment, () => controller.abort())
          },
          { signal: controller.signal }
        )
        .then(
          () => 'kept',
          ({ code }) => code
        )
      outcomes.add(outcome)
      if (outcome === 'kept') said.push(body)
    }

    t.strictSame(outcomes, new Set(['FST_NEON_ABORTED', 'kept']))
    t.strictSame(await stored(), said.sort())
  })

  t.test('is not touched by it once COMMIT was sent', async t => {
    const { db, pool, url, stored } = await openNotes(t)
    await atCommit(url, 'notes', 'perform pg_sleep(0.3)')
    const controller = new AbortController()

    const committing = db.transaction(tx => tx.insert(notes).values({ body: 'kept' }), {
      signal: controller.signal
    })
    await until(() => isRunning(url, '^COMMIT'))
    controller.abort()

    await committing
    t.strictSame(await stored(), ['kept'])
    t.match(pool.stats(), { idle: 1, transactionsCommitted: 1 })
    t.equal(getEventListeners(controller.signal, 'abort').length, 0)
  })

  t.test('leaves no listener behind when all goes well', async t => {
    const { db } = await openNotes(t)
    const { signal } = new AbortController()

    for (let time = 0; time < 3; time += 1) await db.transaction(async () => {}, { signal })

    t.equal(getEventListeners(signal, 'abort').length, 0)
  })
})

t.test('a transaction with a limit of time', async t => {
  t.test('is rolled back at it, with one error for all it waits for', async t => {
    const { db, pool, stored } = await openNotes(t)

    await t.rejects(
      db.transaction(
        async tx => {
          await tx.insert(notes).values({ body: 'lost' })
          await once(new EventEmitter(), 'never')
        },
        { timeoutMs: 1500 }
      ),
      { code: 'FST_NEON_TRANSACTION_TIMEOUT' }
    )

    t.strictSame(await stored(), [])
    t.match(pool.stats(), { idle: 1, checkedOut: 0 })
  })

  t.test('counts the wait for a client in', async t => {
    const { db, pool } = await openNotes(t)
    const client = await pool.connect()

    await t.rejects(
      db.transaction(async () => {}, { timeoutMs: 20 }),
      { code: 'FST_NEON_TRANSACTION_TIMEOUT' }
    )

    t.equal(pool.waitingCount, 0)
    client.release()
  })

  t.test('has the one of the pool when it names none', async t => {
    const { db } = await openNotes(t, { transactionTimeoutMs: 200 })

    await t.rejects(
      db.transaction(() => once(new EventEmitter(), 'never')),
      { code: 'FST_NEON_TRANSACTION_TIMEOUT' }
    )
  })

  t.test('is refused one that makes no sense, before it takes a client', async t => {
    const { db, pool } = await openNotes(t)

    for (const options of [{ timeoutMs: 0 }, { retry: 11 }, { retry: -1 }, { retry: 0.5 }])
      await t.rejects(
        db.transaction(async () => {}, options),
        { code: 'FST_NEON_OPTION_INVALID' }
      )

    t.equal(pool.totalCount, 0)
  })
})

t.test('a transaction that may be repeated', async t => {
  t.test('runs again after a serialization failure', async t => {
    const { db, pool, stored, url } = await openNotes(t)
    await administer("insert into notes values ('0')", url)
    let runs = 0

    await db.transaction(
      async tx => {
        const [note] = await tx.select().from(notes)
        runs += 1
        // Somebody else is faster, once.
        if (runs === 1) await administer("update notes set body = '10'", url)
        await tx.update(notes).set({ body: String(Number(note?.body) + 1) })
      },
      { isolationLevel: 'serializable', retry: 3 }
    )

    t.equal(runs, 2)
    t.strictSame(await stored(), ['11'])
    t.match(pool.stats(), { idle: 1, checkedOut: 0, transactionsCommitted: 1, transactionRepeats: 1 })
  })

  t.test('runs again after a deadlock', async t => {
    const { db, stored, url } = await openNotes(t, { max: 2 })
    await administer("insert into notes values ('a'), ('b')", url)
    const inOrder = (first: string, second: string) => {
      let runs = 0
      return db.transaction(
        async tx => {
          runs += 1
          await tx.execute(sql`select 1 from notes where body = ${first} for update`)
          // Both hold their first row.
          if (runs === 1) await tx.execute(sql`select pg_sleep(0.3)`)
          await tx.execute(sql`select 1 from notes where body = ${second} for update`)
          await tx.insert(notes).values({ body: `${first}${second}` })
        },
        { retry: 3 }
      )
    }

    await Promise.all([inOrder('a', 'b'), inOrder('b', 'a')])

    t.strictSame(await stored(), ['a', 'ab', 'b', 'ba'])
  })

  t.test('runs again, on another client, when the link was lost before COMMIT', async t => {
    const { db, pool, stored, url } = await openNotes(t)
    let runs = 0

    await db.transaction(
      async tx => {
        runs += 1
        await tx.insert(notes).values({ body: `run ${runs}` })
        if (runs === 1) await killOthers(url)
        await tx.execute(sql`select 1`)
      },
      { retry: 1 }
    )

    t.strictSame(await stored(), ['run 2'])
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0 })
  })

  t.test('gives up after as many runs as it may have, with the error of the last', async t => {
    const { db, pool } = await openNotes(t)
    let runs = 0

    await t.rejects(
      db.transaction(
        async tx => {
          runs += 1
          await tx.execute(
            sql`do ${sql.raw("$$ begin raise exception 'again' using errcode = '40001'; end $$")}`
          )
        },
        { retry: 2 }
      ),
      { cause: { code: '40001' } }
    )

    t.equal(runs, 3)
    t.match(pool.stats(), { idle: 1, checkedOut: 0, transactionsRolledBack: 1, transactionRepeats: 2 })
  })

  t.test('ends with the error of the work when there is no time for another run', async t => {
    const { db } = await openNotes(t)
    const controller = new AbortController()
    const { pool } = { pool: db.$client }
    pool.observe(({ type }) => type === 'transaction-repeated' && controller.abort())

    await t.rejects(
      db.transaction(
        tx =>
          tx.execute(sql`do ${sql.raw("$$ begin raise exception 'again' using errcode = '40001'; end $$")}`),
        { retry: 5, signal: controller.signal }
      ),
      { cause: { code: '40001' } }
    )
  })

  t.test('runs once when it failed for good, or when nobody asked for more', async t => {
    const { db, url } = await openNotes(t)
    let runs = 0
    const count = () => {
      runs += 1
    }

    await t.rejects(
      db.transaction(
        async tx => {
          count()
          await tx.execute(sql`select 1/0`)
        },
        { retry: 5 }
      ),
      { cause: { code: '22012' } }
    )
    await t.rejects(
      db.transaction(
        async () => {
          count()
          await killOthers(url)
          throw new Error('business')
        },
        { retry: 5 }
      ),
      { message: 'business' }
    )
    await t.rejects(
      db.transaction(async tx => {
        count()
        await tx.execute(
          sql`do ${sql.raw("$$ begin raise exception 'again' using errcode = '40001'; end $$")}`
        )
      }),
      { cause: { code: '40001' } }
    )

    t.equal(runs, 3)
  })
})
