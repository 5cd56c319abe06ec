import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { runProgram } from '../../../../test/support/processes.ts'
import { connectPg } from '../fixtures/drivers.ts'
import { folder, isGone, until, untilGone } from '../fixtures/sandbox.ts'
import { command, run, serve } from './local-neon-process.ts'

t.test('npx local-neon', async t => {
  t.test(
    'prints the URL, a psql line and how to stop, and ends with 1 when its Postgres is killed',
    async t => {
      const { output, url, child, served, complaint } = await serve(t)

      const client = await connectPg(t, url)
      t.strictSame((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
      await client.end()
      t.match(output(), `Local Neon is ready at port ${new URL(url).port}\n`)
      t.match(output(), `psql '${url}'`)
      t.match(output(), /^ {2}console {2}http:\/\/127\.0\.0\.1:\d+\/console#[\w-]+$/m)
      t.match(output(), `Ctrl-C or kill ${child.pid}`)
      process.kill(served.postgresPid, 'SIGKILL')

      t.strictSame(await once(child, 'close'), [1, null])
      t.equal(complaint(), 'Postgres has ended without being asked to (SIGKILL)\n')
    }
  )

  t.test(
    'says that the port asked for is taken and what to trust, follows with one line for each thing that happens, and takes a Ctrl-C that npm repeats for one',
    async t => {
      const port = await takePort(t)
      const { child, output, url, directory, served } = await serve(t, {
        LOCAL_NEON_PORT: port,
        LOCAL_NEON_TLS: 'offered'
      })
      t.not(new URL(url).port, port)
      t.match(output(), 'since the one asked for is taken')
      t.match(output(), /wss {6}postgresql:.*sslmode=require\n +NODE_EXTRA_CA_CERTS=\S+ca\.pem\n/)
      const client = await connectPg(t, url)
      await client.end()

      const told = await command(t, directory, ['suspend'])

      t.match(told, { code: 0, output: /"state": "asleep"/ })
      await until('both are told', () => /login .*\n(?:.*\n)*suspend /.test(output()))
      child.kill('SIGINT')
      child.kill('SIGINT')
      t.strictSame(await once(child, 'exit'), [0, null])
      await untilGone(served)
    }
  )

  t.test('follows the one that runs in the same folder, and leaves it running', async t => {
    const { directory, url, child, served } = await serve(t)
    const [one, two] = await Promise.all([follow(t, directory), follow(t, directory)])

    t.match(one.output(), `with the settings of pid ${child.pid}, which started it`)
    t.match(one.output(), `psql '${url}'`)
    await command(t, directory, ['suspend'])
    for (const { output } of [one, two]) await until('it is told', () => /^suspend /m.test(output()))
    const left = once(one.child, 'exit')
    one.child.kill('SIGINT')
    t.strictSame(await left, [0, null])
    await command(t, directory, ['wake'])
    await until('the other is told', () => /^wake /m.test(two.output()))
    const ended = once(two.child, 'exit')
    child.kill('SIGINT')

    t.strictSame(await ended, [0, null])
    t.match(two.output(), `Local Neon was ended by pid ${child.pid}\n`)
    await untilGone(served)
  })

  t.test('ends at once on a second signal, and Postgres soon after', async t => {
    const { child, served } = await serve(t)
    process.kill(served.postgresPid, 'SIGSTOP')
    t.teardown(() => isGone(served.postgresPid) || process.kill(served.postgresPid, 'SIGKILL'))
    const exit = once(child, 'exit')

    await until('it has ended', () => !child.kill('SIGINT'))

    t.strictSame(await exit, [1, null])
    process.kill(served.postgresPid, 'SIGCONT')
    await untilGone(served)
  })

  t.test('explains its options and commands, and refuses others', async t => {
    const directory = await folder(t)

    t.match(await command(t, directory, ['--help']), { code: 0, output: /COMMAND[\s\S]*--tls/ })
    t.match(await command(t, directory, ['--port', 'x']), { code: 1, complaint: /LOCAL_NEON_PORT must be/ })
  })

  t.test('ends with 1 when Postgres is ended by somebody else', async t => {
    const { child, served, complaint } = await serve(t)

    process.kill(served.postgresPid, 'SIGINT')

    t.strictSame(await once(child, 'close'), [1, null])
    t.equal(complaint(), 'Postgres has ended without being asked to (exit code 0)\n')
  })

  t.test('reads the .env beside it', async t => {
    const cwd = t.testdir({ '.env': 'LOCAL_NEON_PORT=many\n' })

    const { ended, output } = runProgram(t, 'packages/local-neon/src/cli/local-neon.ts', { cwd })

    t.equal(await ended, 1)
    t.equal(output(), 'LOCAL_NEON_PORT must be a whole number from 0 to 65535, not "many"\n')
  })
})

async function follow(t: Test, directory: string) {
  const follower = await run(t, { LOCAL_NEON_DIRECTORY: directory })
  await until('it follows', () => follower.output().includes('Ctrl-C ends this list'))
  return follower
}

async function takePort(t: Test): Promise<string> {
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await once(taken, 'listening')
  const address = taken.address()
  return String(typeof address === 'object' && address?.port)
}
