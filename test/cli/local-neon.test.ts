import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { dataDirectoryOf } from '../../src/local/postgres/cluster.ts'
import { readPostmasterFile } from '../../src/local/postgres/running.ts'
import { connectPg } from '../local/fixtures/drivers.ts'
import {
  copyCluster,
  endWith,
  folder,
  groupOf,
  isGone,
  systemFolder,
  until,
  untilGone
} from '../local/fixtures/sandbox.ts'
import { NODE_ARGS, runProgram } from '../processes.ts'

const CLI = fileURLToPath(new URL('../../src/cli/local-neon.ts', import.meta.url))
const COMMAND = [...NODE_ARGS, CLI]

t.test('npm run db:local', async t => {
  t.test('prints the URL, a psql line and how to stop', async t => {
    const { output, url, child } = await serve(t)

    const client = await connectPg(t, url)
    t.strictSame((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
    t.match(output(), `Local Neon is ready at port ${new URL(url).port}\n`)
    t.match(output(), `psql '${url}'`)
    t.match(output(), `Ctrl-C or kill ${child.pid}`)
  })

  t.test('follows with one line for each thing that happens', async t => {
    const { output, url, directory } = await serve(t)
    const client = await connectPg(t, url)
    await client.end()

    const told = await command(t, directory, ['suspend'])

    t.match(told, { code: 0, output: /"state": "asleep"/ })
    await until('both are told', () => /login .*\n(?:.*\n)*suspend /.test(output()))
    t.pass('told')
  })

  t.test('offers TLS when it is asked to, and says what to trust', async t => {
    const { output } = await serve(t, { LOCAL_NEON_TLS: 'offered' })

    t.match(output(), /wss {6}postgresql:.*sslmode=require\n +NODE_EXTRA_CA_CERTS=\S+ca\.pem\n/)
  })

  t.test('explains its options and commands, and refuses others', async t => {
    const directory = await folder(t)

    t.match(await command(t, directory, ['--help']), { code: 0, output: /COMMAND[\s\S]*--tls/ })
    t.match(await command(t, directory, ['--fast']), { code: 1, complaint: /Unknown option '--fast'/ })
    t.match(await command(t, directory, ['--port', 'x']), { code: 1, complaint: /LOCAL_NEON_PORT must be/ })
    t.match(await command(t, directory, ['status']), { code: 1, complaint: /no local Neon serves/ })
  })

  t.test('takes a port of its own when none is asked for', async t => {
    const { output, url } = await serve(t, { LOCAL_NEON_PORT: undefined })

    const isFree = !output().includes('taken')
    t.equal(isFree, new URL(url).port === '54320')
  })

  t.test('says that the port asked for is taken, and uses another', async t => {
    const taken = createServer().listen(0, '127.0.0.1')
    t.teardown(() => taken.close())
    await once(taken, 'listening')
    const address = taken.address()
    const port = String(typeof address === 'object' && address?.port)

    const { output, url } = await serve(t, { LOCAL_NEON_PORT: port })

    t.not(new URL(url).port, port)
    t.match(output(), 'since the one asked for is taken')
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    t.test(`ends with 0 and leaves nothing on ${signal}`, async t => {
      const { child, served } = await serve(t)

      child.kill(signal)

      t.strictSame(await once(child, 'exit'), [0, null])
      await untilGone(served)
    })
  }

  t.test('takes a Ctrl-C that npm repeats for one', async t => {
    const { child, served } = await serve(t)

    child.kill('SIGINT')
    child.kill('SIGINT')

    t.strictSame(await once(child, 'exit'), [0, null])
    await untilGone(served)
  })

  t.test('ends with 0 when the signal comes before it is ready', async t => {
    const { child, directory } = await run(t)
    await until('Postgres is about to start', async () =>
      (await logIn(directory)).includes('starting PostgreSQL')
    )

    child.kill('SIGTERM')

    t.strictSame(await once(child, 'exit'), [0, null])
    t.match(await logIn(directory), /database system is shut down\n$/)
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

  t.test('ends with 1 when Postgres ends without being asked to', async t => {
    const { child, served, complaint } = await serve(t)

    process.kill(served.postgresPid, 'SIGKILL')

    t.strictSame(await once(child, 'close'), [1, null])
    t.equal(complaint(), 'Postgres has ended without being asked to (SIGKILL)\n')
  })

  t.test('ends with 1 when Postgres is ended by somebody else', async t => {
    const { child, served, complaint } = await serve(t)

    process.kill(served.postgresPid, 'SIGINT')

    t.strictSame(await once(child, 'close'), [1, null])
    t.equal(complaint(), 'Postgres has ended without being asked to (exit code 0)\n')
  })

  t.test('refuses what is no port, in one line', async t => {
    for (const port of ['http', '65536', '-1', '1.5']) {
      const { child, complaint } = await run(t, { LOCAL_NEON_PORT: port, LOCAL_NEON_DIRECTORY: undefined })

      t.strictSame(await once(child, 'close'), [1, null])
      t.equal(complaint(), `LOCAL_NEON_PORT must be a whole number from 0 to 65535, not "${port}"\n`)
    }
  })

  t.test('reads the .env beside it', async t => {
    const cwd = t.testdir({ '.env': 'LOCAL_NEON_PORT=many\n' })

    const { ended, output } = runProgram(t, 'src/cli/local-neon.ts', { cwd })

    t.equal(await ended, 1)
    t.equal(output(), 'LOCAL_NEON_PORT must be a whole number from 0 to 65535, not "many"\n')
  })

  t.test('tells in one line that the folder is served already', async t => {
    const { directory, url } = await serve(t)

    const { child, complaint } = await run(t, { LOCAL_NEON_DIRECTORY: directory })

    t.strictSame(await once(child, 'close'), [1, null])
    t.match(
      complaint(),
      new RegExp(`^${directory} is served already by pid \\d+ at 127.0.0.1:${new URL(url).port}\n$`)
    )
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

/** Starts it and waits until it is ready. */
async function serve(t: Test, env: NodeJS.ProcessEnv = {}) {
  const { child, directory, output, complaint } = await run(t, env)
  return { child, directory, complaint, ...(await ready(directory, child, output)) }
}

async function run(t: Test, env: NodeJS.ProcessEnv = {}) {
  const directory = await folder(t)
  if (!('LOCAL_NEON_DIRECTORY' in env)) await copyCluster(directory)
  const child = spawn(process.execPath, COMMAND, {
    env: { ...(await environment(directory)), ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  endWith(t, child, 'SIGTERM')
  return { child, directory, output: collect(child.stdout), complaint: collect(child.stderr) }
}

async function command(t: Test, directory: string, words: string[]) {
  const child = spawn(process.execPath, [...COMMAND, ...words], { env: await environment(directory) })
  endWith(t, child)
  const [output, complaint] = [collect(child.stdout), collect(child.stderr)]
  const [code] = await once(child, 'close')
  return { code, output: output(), complaint: complaint() }
}

async function environment(directory: string): Promise<NodeJS.ProcessEnv> {
  const LOCAL_NEON_SYSTEM_DIRECTORY = await systemFolder()
  return {
    ...process.env,
    LOCAL_NEON_PORT: '0',
    LOCAL_NEON_DIRECTORY: directory,
    LOCAL_NEON_SYSTEM_DIRECTORY
  }
}

async function ready(directory: string, child: ChildProcess, output = collect(child.stdout)) {
  await until('it is ready', () => output().includes('Stop it'))
  const url = /DATABASE_URL=(\S+)/.exec(output())?.[1] ?? ''
  const { pid: postgresPid } = await readPostmasterFile(dataDirectoryOf(join(directory, 'cluster')))
  return { output, url, served: { postgresPid, group: groupOf(postgresPid) } }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.on('data', chunk => {
    text += chunk
  })
  return () => text
}

async function logIn(directory: string): Promise<string> {
  return await readFile(join(directory, 'postgres.log'), 'utf8').catch(() => '')
}
