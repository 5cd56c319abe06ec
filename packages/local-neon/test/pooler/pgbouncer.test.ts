import { chmod, chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { NO_POOLER } from '../../../../test/support/pooler.ts'
import { isAlive } from '../../../../test/support/processes.ts'
import { temporaryPath } from '../../../../test/support/temporary-folder.ts'
import { findPgBouncer } from '../../src/pooler/find.ts'
import { startPgBouncer } from '../../src/pooler/pgbouncer.ts'
import { chooseAccount } from '../../src/postgres/account.ts'
import { openServerLog } from '../../src/postgres/server-log.ts'

async function options(t: Test) {
  const { program = '' } = await findPgBouncer()
  const home = await mkdtemp(temporaryPath('pgbouncer', '/tmp'))
  const account = await chooseAccount(`${home}/none`)
  if (account) await chown(home, account.uid, account.gid)
  await chmod(home, 0o755)
  const serverLog = await openServerLog(`${home}/pgbouncer.log`)
  t.teardown(async () => {
    await serverLog.close()
    await rm(home, { recursive: true, force: true })
  })
  return { program, account, home, socketDirectory: home, serverLog, server: 'host=/nowhere' }
}

t.test('PgBouncer', { skip: NO_POOLER }, async t => {
  t.test('ends at once, and leaves no process and no socket behind', async t => {
    const given = await options(t)
    const pgbouncer = await startPgBouncer(given)
    t.ok(isAlive(pgbouncer.pid))

    await pgbouncer.stop()
    await pgbouncer.stop()

    t.notOk(isAlive(pgbouncer.pid))
    t.notMatch((await readdir(given.home)).join(' '), '.s.PGSQL')
  })

  t.test('that does not start is an error with the end of its log', async t => {
    const given = await options(t)

    await t.rejects(startPgBouncer({ ...given, settings: { pool_mode: 'nonsense' } }), {
      code: 'LOCAL_NEON_POSTGRES_FAILED',
      message: /^PgBouncer did not start \(exit code 1\): .*pool_mode.*whole log: /
    })
  })

  t.test('starts although the one before was killed and has left its socket', async t => {
    const given = await options(t)
    const killed = await startPgBouncer(given)
    process.kill(killed.pid, 'SIGKILL')
    t.strictSame(await killed.exited, { code: null, signal: 'SIGKILL' })

    const next = await startPgBouncer(given)
    t.teardown(next.stop)

    t.ok(isAlive(next.pid))
  })
})
