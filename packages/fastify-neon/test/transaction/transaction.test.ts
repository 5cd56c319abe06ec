import { sql } from 'drizzle-orm'
import t from 'tap'
import { administer, atCommit, DIE } from '../../../../test/support/postgres.ts'
import { NeonClient } from '../../src/client/client.ts'
import { Pipeline } from '../../src/client/pipeline.ts'
import { createDatabase as createDrizzle } from '../../src/drizzle/database.ts'
import { runTransaction } from '../../src/transaction/transaction.ts'
import { killOthers, notes, openNotes } from '../support/notes.ts'
import { breakBefore, breakLink, type Wire } from '../support/wire.ts'

const END_OF_SESSION = 'select pg_terminate_backend(pg_backend_pid())'

t.test('a transaction', async t => {
  t.test('commits and returns what the work returns', async t => {
    const { db, stored } = await openNotes(t)

    const result = await db.transaction(async tx => {
      await tx.insert(notes).values({ body: 'kept' })
      return 42
    })

    t.equal(result, 42)
    t.strictSame(await stored(), ['kept'])
  })

  t.test('rolls back and throws what the work throws', async t => {
    const { db, stored, pool } = await openNotes(t)

    await t.rejects(
      db.transaction(async tx => {
        await tx.insert(notes).values({ body: 'lost' })
        throw new Error('business')
      }),
      { message: 'business' }
    )

    t.strictSame(await stored(), [])
    t.equal(pool.idleCount, 1, 'the client is clean and stays')
  })

  t.test('knows the tables for relational queries', async t => {
    const { db } = await openNotes(t)

    t.strictSame(await db.transaction(tx => tx.query.notes.findMany()), [])
  })

  t.test('gives the work a client in all but its end', async t => {
    const { pool } = await openNotes(t)

    const seen = await runTransaction(pool, {}, async ({ client }) => [
      client.escapeIdentifier('a"b'),
      client instanceof NeonClient && client.host
    ])

    t.strictSame(seen, ['"a""b"', '127.0.0.1'])
  })

  t.test('rolls back when the work throws before it returns a promise', async t => {
    const { pool } = await openNotes(t)
    const throwing = () => {
      throw new Error('business')
    }

    await t.rejects(runTransaction(pool, {}, throwing), { message: 'business' })

    t.equal(pool.idleCount, 1)
  })

  t.test('holds savepoints', async t => {
    const { db, stored } = await openNotes(t)

    await db.transaction(async tx => {
      await tx.insert(notes).values({ body: 'outer' })
      await t.rejects(
        tx.transaction(async inner => {
          await inner.insert(notes).values({ body: 'inner' })
          throw new Error('business')
        }),
        { message: 'business' }
      )
    })

    t.strictSame(await stored(), ['outer'])
  })

  t.test('obeys its mode', async t => {
    const { db } = await openNotes(t)
    const config = { isolationLevel: 'serializable', accessMode: 'read only', deferrable: true } as const

    const { rows } = await db.transaction(
      tx =>
        tx.execute(sql`select current_setting('transaction_isolation') i, current_setting('transaction_read_only') r,
        current_setting('transaction_deferrable') d`),
      config
    )

    t.strictSame(rows, [{ i: 'serializable', r: 'on', d: 'on' }])
    await db.transaction(async () => {}, { deferrable: false })
  })

  for (const pipelining of [true, false])
    t.test(`sees what another one sees, by its snapshot, pipelining: ${pipelining}`, async t => {
      const { db, url } = await openNotes(t, { max: 2, pipelining })
      const isolationLevel = 'repeatable read'

      await db.transaction(
        async tx => {
          const { rows } = await tx.execute<{ id: string }>(sql`select pg_export_snapshot() as id`)
          await administer("insert into notes values ('later')", url)
          const count = async (snapshot?: string) =>
            db
              .$withClaims({ 'app.user_id': 'alice' })
              .transaction(other => other.$count(notes), { isolationLevel, snapshot })
          t.equal(await count(), 1)
          t.equal(await count(rows[0]?.id), 0)
        },
        { isolationLevel }
      )
    })

  t.test('refuses a snapshot that is none, before it takes a client', async t => {
    const { db, pool } = await openNotes(t)

    await t.rejects(
      db.transaction(async () => {}, { isolationLevel: 'repeatable read', snapshot: "1'; drop table notes" }),
      { code: 'FST_NEON_OPTION_INVALID', message: /pg_export_snapshot/ }
    )
    t.equal(pool.totalCount, 0)
  })

  t.test('refuses a mode that Postgres does not have, before it takes a client', async t => {
    const { db, pool } = await openNotes(t)
    const isolationLevel = 'serializable; drop table notes' as unknown as 'serializable'

    await t.rejects(
      db.transaction(async () => {}, { isolationLevel }),
      { name: 'TypeError' }
    )

    t.equal(pool.totalCount, 0)
  })

  t.test('keeps the pool whole when BEGIN fails, however often', async t => {
    const { db, url, pool } = await openNotes(t)
    const begins = { isolationLevel: 'serializable', accessMode: 'read write' } as const

    for (let time = 0; time < 3; time += 1) {
      const client = await pool.connect()
      client.release()
      await killOthers(url)
      // The loss is seen at BEGIN, or before it when the message was faster.
      await db.transaction(async () => {}, begins).catch(error => t.match(error, { name: 'DatabaseFailure' }))
    }

    await db.transaction(tx => tx.execute(sql`select 1`))
    t.equal(pool.totalCount, 1)
    t.equal(pool.waitingCount, 0)
  })

  t.test('begins on another client when the link was lost at BEGIN', async t => {
    const { db, pool } = await openNotes(t)
    pool.once('acquire', breakLink)

    t.ok(await db.transaction(tx => tx.execute(sql`select 1`)))

    pool.on('acquire', breakLink)
    await t.rejects(
      db.transaction(tx => tx.execute(sql`select 1`)),
      { code: 'FST_NEON_UNREACHABLE', retryable: true }
    )
    pool.off('acquire', breakLink)
    t.ok(await db.execute(sql`select 1`))
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0, waiting: 0 })
  })

  t.test('begins on another client when BEGIN is answered with the end of the session', async t => {
    const { db, pool } = await openNotes(t)
    let begins = 0
    pool.once('acquire', (client: NeonClient) => {
      client.runPipeline = () => {
        begins += 1
        return NeonClient.prototype.runPipeline.call(client, new Pipeline([{ text: END_OF_SESSION }]))
      }
    })

    t.ok(await db.transaction(tx => tx.execute(sql`select 1`)))

    t.equal(begins, 1)
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0, waiting: 0 })
  })

  t.test('is committed for its caller although a listener of the pool throws', async t => {
    const { db, pool, stored } = await openNotes(t)
    const warned: unknown[] = []
    const listen = (warning: unknown) => warned.push(warning)
    process.on('warning', listen)
    t.teardown(() => process.off('warning', listen))
    const stop = [new Error('of a listener'), 'a text'].map(thrown =>
      pool.observe(() => {
        throw thrown
      })
    )

    await db.transaction(tx => tx.insert(notes).values({ body: 'kept' }))

    for (const stopObserving of stop) stopObserving()
    t.strictSame(await stored(), ['kept'])
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0 })
    t.ok(warned.length > 0)
  })

  t.test('refuses what comes after its end, so that nothing of it is stored', async t => {
    const { db, stored } = await openNotes(t)
    let goOn = () => {}
    const after = new Promise<void>(resolve => {
      goOn = resolve
    })
    let late: Promise<unknown> = Promise.resolve()

    await t.rejects(
      db.transaction(tx => {
        late = after.then(() => tx.insert(notes).values({ body: 'late' }))
        return Promise.all([tx.execute(sql`select 1/0`), late])
      }),
      { cause: { code: '22012' } }
    )
    goOn()

    await t.rejects(late, { code: 'FST_NEON_TRANSACTION_OVER' })
    t.strictSame(await stored(), [])
  })

  t.test('refuses what comes in the transaction of the next user', async t => {
    const { db } = await openNotes(t)
    const kept = await db.transaction(async tx => tx)

    await db.transaction(async () => {
      await t.rejects(kept.execute(sql`select 1`), { code: 'FST_NEON_TRANSACTION_OVER' })
    })
  })

  t.test('is rolled back, and not of unknown outcome, when the link was lost before COMMIT', async t => {
    const { db, url } = await openNotes(t)

    await t.rejects(
      db.transaction(async tx => {
        await tx.insert(notes).values({ body: 'lost' })
        await killOthers(url)
        await t.rejects(tx.execute(sql`select 1`))
      }),
      { code: 'FST_NEON_CONNECTION_LOST' }
    )
  })

  t.test('is rolled back when a statement without an answer is in front of COMMIT', async t => {
    const { db, stored } = await openNotes(t, { statementTimeoutMs: 1500 })

    await t.rejects(
      db.transaction(async tx => {
        await tx.insert(notes).values({ body: 'lost' })
        await tx.execute(sql`select pg_sleep(30)`).catch(() => {})
      }),
      { code: 'FST_NEON_STATEMENT_TIMEOUT' }
    )

    t.strictSame(await stored(), [])
  })

  t.test('is rolled back by whatever error the server answers COMMIT with', async t => {
    const { db, url } = await openNotes(t)
    await atCommit(url, 'notes', "raise exception 'full' using errcode = 'disk_full'")

    await t.rejects(
      db.transaction(tx => tx.insert(notes).values({ body: 'lost' })),
      {
        code: 'FST_NEON_OUT_OF_RESOURCES',
        sqlState: '53100'
      }
    )
  })

  t.test('keeps the error of the work when the link is lost in it', async t => {
    const { db, url, stored } = await openNotes(t)

    await t.rejects(
      db.transaction(async tx => {
        await tx.insert(notes).values({ body: 'lost' })
        await killOthers(url)
        throw new Error('business')
      }),
      { message: 'business' }
    )

    t.strictSame(await stored(), [])
    await db.transaction(tx => tx.insert(notes).values({ body: 'next' }))
    t.strictSame(await stored(), ['next'])
  })

  t.test('keeps the error of the work when the link is lost at ROLLBACK', async t => {
    const { db, pool, stored } = await openNotes(t)
    pool.once('acquire', (client: Wire) => breakBefore(client, 'ROLLBACK'))

    await t.rejects(
      db.transaction(async tx => {
        await tx.insert(notes).values({ body: 'lost' })
        throw new Error('business')
      }),
      { message: 'business' }
    )

    t.strictSame(await stored(), [])
    t.match(pool.stats(), { total: 0, checkedOut: 0 })
  })

  t.test('is not taken for committed when a statement failed and nobody said so', async t => {
    const { db, stored } = await openNotes(t)

    await t.rejects(
      db.transaction(async tx => {
        await tx.insert(notes).values({ body: 'lost' })
        await tx.execute(sql`select 1/0`).catch(() => {})
      }),
      { code: 'FST_NEON_ROLLED_BACK' }
    )

    t.strictSame(await stored(), [])
  })

  t.test('is rolled back when the server refuses COMMIT', async t => {
    const { db, stored, url, pool } = await openNotes(t)
    await administer('alter table notes add constraint late unique (body) deferrable initially deferred', url)
    await administer('alter table notes drop constraint notes_body_key', url)

    await t.rejects(
      db.transaction(async tx => {
        await tx.insert(notes).values([{ body: 'twice' }, { body: 'twice' }])
      }),
      { code: 'FST_NEON_CONFLICT', sqlState: '23505' }
    )

    t.strictSame(await stored(), [])
    t.equal(pool.idleCount, 1)
  })

  t.test('has an unknown outcome when the link is lost at COMMIT', async t => {
    const { db, url } = await openNotes(t)
    await atCommit(url, 'notes', DIE)

    await t.rejects(
      db.transaction(tx => tx.insert(notes).values({ body: 'who knows' })),
      { code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN', retryable: false }
    )

    t.ok(await db.execute(sql`select 1`))
  })

  t.test('never passes its state to the next user of the pool when a statement times out', async t => {
    const { db, stored, pool } = await openNotes(t, { statementTimeoutMs: 1500 })

    await t.rejects(
      db.transaction(async tx => {
        await tx.execute(sql`select set_config('app.user', 'alice', true)`)
        await tx.insert(notes).values({ body: 'of alice' })
        await tx.execute(sql`select pg_sleep(30)`)
      }),
      { code: 'FST_NEON_STATEMENT_TIMEOUT' }
    )
    const claim = await db.transaction(async tx => {
      await tx.insert(notes).values({ body: 'of bob' })
      const { rows } = await tx.execute(sql`select current_setting('app.user', true) as claim`)
      return rows
    })

    t.strictSame(claim, [{ claim: null }])
    t.strictSame(await stored(), ['of bob'])
    t.equal(pool.totalCount, 1)
  })
})

t.test('the Drizzle client without tables still builds queries', async t => {
  const { pool } = await openNotes(t)
  const db = createDrizzle(pool)

  t.strictSame(await db.select().from(notes), [])
  t.equal(db.$client, pool)
})
