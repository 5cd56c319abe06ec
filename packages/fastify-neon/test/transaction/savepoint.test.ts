import { sql } from 'drizzle-orm'
import t from 'tap'
import { until } from '../../../../test/support/app.ts'
import { killOthers, notes, openNotes } from '../support/notes.ts'

t.test('a nested transaction', async t => {
  t.test('that fails takes back its own statements and keeps its error', async t => {
    const { db, stored, pool } = await openNotes(t)

    await db.transaction(async tx => {
      await tx.insert(notes).values({ body: 'outer' })
      await t.rejects(
        tx.transaction(async inner => {
          await inner.insert(notes).values({ body: 'inner' })
          await inner.execute(sql`select 1/0`)
        }),
        { cause: { code: '22012' } }
      )
      await tx.insert(notes).values({ body: 'after' })
    })

    t.strictSame(await stored(), ['after', 'outer'])
    t.match(pool.stats(), { idle: 1, checkedOut: 0 })
  })

  t.test('that succeeds counts only if all around it do', async t => {
    const { db, stored } = await openNotes(t)

    await db.transaction(async tx => {
      await tx
        .transaction(async middle => {
          await middle.transaction(inner => inner.insert(notes).values({ body: 'deepest' }))
          throw new Error('business')
        })
        .catch(() => {})
      const result = await tx.transaction(async inner => {
        await inner.insert(notes).values({ body: 'second' })
        return inner.query.notes.findMany()
      })
      t.strictSame(result, [{ body: 'second' }])
    })

    t.strictSame(await stored(), ['second'])
  })

  t.test('keeps the error of its work when the link is lost in it', async t => {
    const { db, url, pool } = await openNotes(t)

    await t.rejects(
      db.transaction(tx =>
        tx.transaction(async () => {
          await killOthers(url)
          throw new Error('business')
        })
      ),
      { message: 'business' }
    )

    t.match(pool.stats(), { checkedOut: 0, waiting: 0 })
  })

  t.test('keeps out statements of the outer one, which would share its fate', async t => {
    const { db, stored } = await openNotes(t)

    await db.transaction(async tx => {
      await tx.transaction(async inner => {
        await t.rejects(tx.insert(notes).values({ body: 'outer' }), {
          code: 'FST_NEON_NESTED_TRANSACTION_OPEN'
        })
        await t.rejects(
          tx.transaction(async () => {}),
          { code: 'FST_NEON_NESTED_TRANSACTION_OPEN' }
        )
        await inner.insert(notes).values({ body: 'inner' })
      })
      await tx.insert(notes).values({ body: 'after' })
    })

    t.strictSame(await stored(), ['after', 'inner'])
  })

  t.test(
    'of which a statement failed without an error of its work leaves the outer one as it was',
    async t => {
      const { db, stored } = await openNotes(t)

      await db.transaction(async tx => {
        await tx.insert(notes).values({ body: 'outer' })
        await t.rejects(
          tx.transaction(async inner => {
            await inner.insert(notes).values({ body: 'inner' })
            await inner.execute(sql`select 1/0`).catch(() => {})
          }),
          { code: 'FST_NEON_STATEMENT_FAILED', sqlState: '25P02' }
        )
        await tx.insert(notes).values({ body: 'after' })
      })

      t.strictSame(await stored(), ['after', 'outer'])
    }
  )

  t.test('begins when those before it have ended, whatever became of them', async t => {
    const { db, stored, pool } = await openNotes(t)
    const order: string[] = []

    await db.transaction(async tx => {
      const outcomes = await Promise.allSettled(
        ['a', 'b', 'c', 'd', 'e'].map(body =>
          tx.transaction(async inner => {
            order.push(`${body} begins`)
            await inner.insert(notes).values({ body })
            if (body === 'b') throw new Error('business')
            if (body === 'd') await inner.execute(sql`select 1/0`)
            await Promise.all([
              inner.transaction(deeper => deeper.insert(notes).values({ body: `${body}1` })),
              inner.transaction(deeper => deeper.insert(notes).values({ body: `${body}2` }))
            ])
            order.push(`${body} ends`)
          })
        )
      )
      t.strictSame(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']
      )
      await tx.insert(notes).values({ body: 'outer' })
    })

    t.strictSame(order, [
      'a begins',
      'a ends',
      'b begins',
      'c begins',
      'c ends',
      'd begins',
      'e begins',
      'e ends'
    ])
    t.strictSame(await stored(), ['a', 'a1', 'a2', 'c', 'c1', 'c2', 'e', 'e1', 'e2', 'outer'])
    t.match(pool.stats(), { checkedOut: 0, waiting: 0 })
  })

  t.test('that waits in line is given up with the outer one', async t => {
    const { db, stored } = await openNotes(t)
    const inLine: Promise<unknown>[] = []
    const begun: string[] = []

    await t.rejects(
      db.transaction(
        async tx => {
          const blocked = tx.transaction(() => new Promise(() => {}))
          inLine.push(tx.transaction(async () => begun.push('second')))
          inLine.push(tx.transaction(async () => begun.push('third')))
          await Promise.all([blocked, ...inLine])
        },
        { timeoutMs: 300 }
      ),
      { code: 'FST_NEON_TRANSACTION_TIMEOUT' }
    )

    for (const waiting of inLine) await t.rejects(waiting, { code: 'FST_NEON_TRANSACTION_OVER' })
    t.strictSame(begun, [])
    t.strictSame(await stored(), [])
  })

  t.test('does not wait for the one that it is started in, at whatever depth', async t => {
    const { db, stored } = await openNotes(t)
    const covered = { code: 'FST_NEON_NESTED_TRANSACTION_OPEN' }

    await db.transaction(async tx => {
      await Promise.all([
        tx.transaction(async inner => {
          await t.rejects(
            tx.transaction(async () => {}),
            covered
          )
          await inner.transaction(async deepest => {
            await t.rejects(
              tx.transaction(async () => {}),
              covered
            )
            await t.rejects(
              inner.transaction(async () => {}),
              covered
            )
            await deepest.insert(notes).values({ body: 'deepest' })
          })
        }),
        tx.transaction(inner => inner.insert(notes).values({ body: 'in line' }))
      ])
    })

    t.strictSame(await stored(), ['deepest', 'in line'])
  })

  t.test('is over at its end', async t => {
    const { db, stored } = await openNotes(t)

    await db.transaction(async tx => {
      const kept = await tx.transaction(async inner => inner)
      await t.rejects(kept.insert(notes).values({ body: 'late' }), { code: 'FST_NEON_TRANSACTION_OVER' })
    })

    t.strictSame(await stored(), [])
  })

  t.test('is over when its work has failed, also for a branch that goes on', async t => {
    const { db, stored } = await openNotes(t)
    let branch: Promise<unknown> = Promise.resolve()

    await db.transaction(async tx => {
      await t.rejects(
        tx.transaction(async inner => {
          branch = inner
            .insert(notes)
            .values({ body: 'first' })
            .then(() => inner.insert(notes).values({ body: 'second' }))
          branch.catch(() => {})
          throw new Error('business')
        }),
        { message: 'business' }
      )
    })

    await t.rejects(branch, { code: 'FST_NEON_TRANSACTION_OVER' })
    t.strictSame(await stored(), [])
  })

  t.test('that is still open when the outer work ends dooms the whole', async t => {
    const { db, stored } = await openNotes(t)
    let nested: Promise<unknown> = Promise.resolve()

    await t.rejects(
      db.transaction(async tx => {
        const begun = new Promise<void>(resolve => {
          nested = tx.transaction(async inner => {
            await inner.insert(notes).values({ body: 'first' })
            resolve()
            await inner.insert(notes).values({ body: 'second' })
          })
          nested.catch(() => {})
        })
        await begun
      }),
      { code: 'FST_NEON_NESTED_TRANSACTION_OPEN' }
    )

    await t.rejects(nested)
    t.strictSame(await stored(), [])
  })

  t.test('throws a failure of the database layer when the link is lost at its savepoint', async t => {
    const { db, url } = await openNotes(t)

    await t.rejects(
      db.transaction(async tx => {
        await tx.execute(sql`select 1`)
        await killOthers(url)
        await tx.transaction(async () => {})
      }),
      { name: 'DatabaseFailure', code: 'FST_NEON_CONNECTION_LOST' }
    )
  })

  t.test('is over at the end of the outer one', async t => {
    const { db, stored } = await openNotes(t)
    let late: Promise<unknown> = Promise.resolve()

    await t.rejects(
      db.transaction(async tx => {
        await tx.execute(sql`select 1`)
        tx.transaction(async inner => {
          late = new Promise(resolve => setImmediate(resolve)).then(() =>
            inner.insert(notes).values({ body: 'late' })
          )
          await late
        }).catch(() => {})
        throw new Error('business')
      }),
      { message: 'business' }
    )

    await t.rejects(late)
    t.strictSame(await stored(), [])
  })

  t.test('that could not be taken back for want of an answer dooms the whole', async t => {
    const { db, stored, pool } = await openNotes(t, { statementTimeoutMs: 1500 })

    await t.rejects(
      db.transaction(async tx => {
        await tx
          .transaction(async inner => {
            await inner.insert(notes).values({ body: 'inner' })
            await inner.execute(sql`select pg_sleep(30)`)
          })
          .catch(() => {})
        await t.rejects(tx.insert(notes).values({ body: 'outer' }), { code: 'FST_NEON_STATEMENT_TIMEOUT' })
      }),
      { code: 'FST_NEON_STATEMENT_TIMEOUT' }
    )

    t.strictSame(await stored(), [])
    await until(() => pool.stats().total === 0)
  })

  t.test('whose release failed dooms the whole', async t => {
    const { db, stored } = await openNotes(t)

    await t.rejects(
      db.transaction(async tx => {
        await tx
          .transaction(async inner => {
            await inner.insert(notes).values({ body: 'inner' })
            await inner.execute(sql`release savepoint sp1`)
          })
          .catch(() => {})
      }),
      { code: 'FST_NEON_STATEMENT_FAILED' }
    )

    t.strictSame(await stored(), [])
  })
})

t.test('statements side by side in one transaction are run one after the other', async t => {
  const { db, stored } = await openNotes(t)

  await db.transaction(tx => Promise.all(['a', 'b', 'c', 'd'].map(body => tx.insert(notes).values({ body }))))

  t.strictSame(await stored(), ['a', 'b', 'c', 'd'])
})

t.test('statements side by side of which one fails are all taken back, and the client stays', async t => {
  const { db, stored, pool } = await openNotes(t)

  await t.rejects(
    db.transaction(tx =>
      Promise.all([
        tx.insert(notes).values({ body: 'a' }),
        tx.execute(sql`select 1/0`),
        tx.execute(sql`select 1`)
      ])
    ),
    { cause: { code: '22012' } }
  )

  t.strictSame(await stored(), [])
  t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0 })
})
