/**
 * How `npx local-neon` ends, by signals, kills and by its Postgres.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import {
  COMMAND,
  environment,
  logIn,
  ready,
  run,
  serve
} from '../../packages/local-neon/test/cli/local-neon-process.ts'
import {
  copyCluster,
  endWith,
  folder,
  until,
  untilGone
} from '../../packages/local-neon/test/fixtures/sandbox.ts'

t.test('npx local-neon', async t => {
  t.test('takes a port of its own when none is asked for', async t => {
    const { output, url } = await serve(t, { LOCAL_NEON_PORT: undefined })

    const isFree = !output().includes('taken')
    t.equal(isFree, new URL(url).port === '54320')
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    t.test(`ends with 0 and leaves nothing on ${signal}`, async t => {
      const { child, served } = await serve(t)

      child.kill(signal)

      t.strictSame(await once(child, 'exit'), [0, null])
      await untilGone(served)
    })
  }

  t.test('ends with 0 when the signal comes before it is ready', async t => {
    const { child, directory } = await run(t)
    await until('Postgres is about to start', async () =>
      (await logIn(directory)).includes('starting PostgreSQL')
    )

    child.kill('SIGTERM')

    t.strictSame(await once(child, 'exit'), [0, null])
    t.match(await logIn(directory), /database system is shut down\n$/)
  })

  t.test('ends when the process that started it is killed', async t => {
    const directory = await folder(t)
    await copyCluster(directory)
    const env = await environment(directory)
    const shell = spawn('/bin/sh', ['-c', '"$@"; exit', 'sh', process.execPath, ...COMMAND], {
      env,
      stdio: ['ignore', 'pipe', 'inherit']
    })
    endWith(t, shell)
    const { served } = await ready(directory, shell)

    shell.kill('SIGKILL')

    await once(shell, 'close')
    await untilGone(served)
  })

  t.test('tells in one line why Postgres does not start', async t => {
    const directory = await folder(t)
    await copyCluster(directory)
    await writeFile(join(directory, 'cluster/data/PG_VERSION'), '9.6\n')

    const { child, complaint } = await run(t, { LOCAL_NEON_DIRECTORY: directory })

    t.strictSame(await once(child, 'close'), [1, null])
    t.match(
      complaint(),
      /^Postgres did not start [^\n]*FATAL: {2}database files are incompatible with server[^\n]*\n$/
    )
  })
})
