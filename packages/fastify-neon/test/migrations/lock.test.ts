import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { LOCK_KEY } from '../../src/migrations/lock.ts'
import { markApplied, repairMigrations } from '../../src/migrations/migrations.ts'
import { apply, ledgerOf, makeFolder } from './folders.ts'

const open = (t: Test) => createDatabase(t, { migrated: false })

/** What a run that goes on holds, until the returned function is called. */
async function holdLock(url: string) {
  const holder = administer(`select pg_advisory_lock(${LOCK_KEY}), pg_sleep(60)`, url)
  holder.catch(() => {})
  const held =
    "select pid from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())"
  let pid: unknown
  await until(async () => {
    pid = (await administer(held, url))[0]?.pid
    return pid !== undefined
  })
  return { pid, release: () => administer(`select pg_terminate_backend(${pid})`, url) }
}

t.test('the lock', async t => {
  t.test('is waited for no longer than it may be', async t => {
    const url = await open(t)
    await holdLock(url)

    await t.rejects(apply(url, makeFolder(t, []), { lockWaitMs: 50 }), {
      code: 'FST_NEON_MIGRATIONS_LOCKED',
      message: /50 ms/
    })
  })

  t.test('is waited for with a word on who has it', async t => {
    const url = await open(t)
    const { pid, release } = await holdLock(url)
    const folder = makeFolder(t, [{ name: '0000_a', sql: 'create table a ()' }])
    let isReleased: Promise<unknown> | undefined

    const { applied } = await apply(url, folder, {
      report: event => {
        if (event.type !== 'waiting') return
        t.match(event, { holder: pid })
        isReleased = release()
      }
    })

    await isReleased
    t.strictSame(applied, ['0000_a'])
  })

  for (const [name, change] of [
    ['a repair', repairMigrations],
    ['marking as applied', markApplied]
  ] as const)
    t.test(`is waited for by ${name}, with a word on who has it`, async t => {
      const url = await open(t)
      const { pid, release } = await holdLock(url)
      const holders: unknown[] = []

      await change({
        url,
        folder: makeFolder(t, []),
        report: event => {
          if (event.type === 'waiting') holders.push(event.holder)
          if (holders.length === 1) release()
        }
      })

      t.strictSame(holders, [pid])
    })

  t.test('lets an index be built CONCURRENTLY while others wait for it', async t => {
    const url = await open(t)
    const sql = `-- fastify-neon:no-transaction
create table a (x int);
select pg_sleep(0.5);
create index concurrently a_x_idx on a (x)`
    const folder = makeFolder(t, [{ name: '0000_a', sql }])

    const runs = await Promise.all([1, 2, 3].map(() => apply(url, folder)))

    t.strictSame(
      runs.flatMap(({ applied }) => applied),
      ['0000_a']
    )
    t.equal(runs.filter(({ types }) => types.includes('waiting')).length, 2)
    t.equal((await ledgerOf(url)).length, 1)
  })
})
