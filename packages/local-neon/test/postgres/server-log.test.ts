import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { failedWith, openServerLog } from '../../src/postgres/server-log.ts'
import { folder } from '../fixtures/sandbox.ts'

t.test('server log', async t => {
  t.test('starts empty and private', async t => {
    const path = join(await folder(t), 'log')
    await openServerLog(path).then(log => log.close())
    await writeFile(path, 'yesterday')

    const log = await openServerLog(path)
    t.teardown(log.close)

    t.equal(await readFile(path, 'utf8'), '')
    t.equal((await stat(path)).mode & 0o777, 0o600)
  })

  t.test('is quoted from its end, in one line', async t => {
    const path = join(await folder(t), 'log')
    const log = await openServerLog(path)
    t.teardown(log.close)
    await writeFile(path, 'one\ntwo\n\nthree\nfour\nfive\nsix\n')

    const byCode = await failedWith(log, 'Postgres did not start', { code: 2, signal: null })
    const bySignal = await failedWith(log, 'Postgres did not start', { code: null, signal: 'SIGKILL' })

    const end = `two / three / four / five / six (whole log: ${path})`
    t.equal(byCode.message, `Postgres did not start (exit code 2): ${end}`)
    t.equal(bySignal.message, `Postgres did not start (SIGKILL): ${end}`)
    t.equal(byCode.code, 'LOCAL_NEON_POSTGRES_FAILED')
  })
})
