import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { NODE_ARGS } from '../../../../test/support/processes.ts'
import { type SupervisorOptions, supervise } from '../../src/postgres/supervisor.ts'
import { endWith, folder, groupOf, isGone, lent, until } from '../fixtures/sandbox.ts'

const SUPERVISOR_URL = new URL('../../src/postgres/supervisor.ts', import.meta.url).href
const WAIT = 'echo waiting; exec sleep 1000'

// Side by side, since most of it is waiting for a program that does not end.
t.test('supervised program', { jobs: 4 }, async t => {
  t.test('reads its input, writes to the log and ends with its own code', async t => {
    const { program, output } = await run(t, 'cat; echo err >&2; exit 7', { input: 'hello\n' })

    t.strictSame(await program.exited, { code: 7, signal: null })
    t.equal(await output(), 'hello\nerr\n')
  })

  t.test('tells the signal that ended it', async t => {
    const { program } = await run(t, 'kill -KILL $$')

    t.strictSame(await program.exited, { code: null, signal: 'SIGKILL' })
  })

  t.test('may end with a code that looks like a signal and is none', async t => {
    const { program } = await run(t, 'exit 255')

    t.strictSame(await program.exited, { code: 255, signal: null })
  })

  t.test('gets a clean environment and what is meant for it', async t => {
    process.env.PGDATA = '/somewhere'
    t.teardown(() => delete process.env.PGDATA)

    const { program, output } = await run(t, 'echo "$PGDATA|$WORD"', { environment: { WORD: 'meant' } })
    await program.exited

    t.equal(await output(), '|meant\n')
  })

  t.test('runs as the account', async t => {
    const account = lent()

    const { program, output } = await run(t, 'id -u; id -g', { account })
    await program.exited

    t.equal(await output(), `${account.uid}\n${account.gid}\n`)
  })

  t.test('has its folder removed when it ends, unless something is in it', async t => {
    const empty = await folder(t)
    const full = await folder(t)

    await run(t, `echo > '${full}/file'`, { folder: full }).then(({ program }) => program.exited)
    await run(t, 'exit 0', { folder: empty }).then(({ program }) => program.exited)

    t.ok(await stat(full))
    await t.rejects(stat(empty), { code: 'ENOENT' })
  })

  t.test('tells its pid', async t => {
    const { program, output } = await run(t, `echo $$; ${WAIT}`, { stopDeadlineMs: 50 })
    await until('it has told its pid itself', async () => (await output()).includes('waiting'))

    t.equal(await output(), `${await program.pid}\nwaiting\n`)
  })

  t.test('has no pid when it is stopped before its shell could tell', async t => {
    const log = await open('/dev/null', 'a')
    t.teardown(() => log.close())
    const command = ['/bin/sh', '-c', WAIT] as const
    // So that it is told to quit before it can have ended: it has no pid then either.
    const program = supervise({ command, account: undefined, logFd: log.fd, stopDeadlineMs: 0 })

    const stopped = program.stop()

    t.equal(await program.pid, undefined)
    await stopped
  })

  // What a shell starts in the background has SIGINT and SIGQUIT ignored, unless it listens itself.
  t.test('is killed when neither SIGINT nor SIGQUIT ends it', async t => {
    const { program, waiting, untilNobodyIsLeft } = await run(t, WAIT, { stopDeadlineMs: 50 })
    await waiting()

    await program.stop()

    t.strictSame(await program.exited, { code: null, signal: 'SIGKILL' })
    await untilNobodyIsLeft()
  })

  t.test('is interrupted first', async t => {
    const { program, waiting } = await run(t, node("process.on('SIGINT', () => process.exit(5))"))
    await waiting()

    await program.stop()

    t.strictSame(await program.exited, { code: 5, signal: null })
  })

  t.test('is interrupted again when it was not ready to listen at first', async t => {
    const late = `echo waiting; sleep 0.5; ${node("process.on('SIGINT', () => process.exit(5))")}`
    const { program, waiting } = await run(t, late)
    await waiting()

    await program.stop()

    const { code, signal } = await program.exited
    t.ok(code === 5 || signal === 'SIGINT', `ended with ${code ?? signal}`)
  })

  t.test('is asked to quit when the interrupt is not enough', async t => {
    const script = node("process.on('SIGINT', () => {}).on('SIGQUIT', () => process.exit(6))")
    // It ends at the second signal, however late a busy machine lets it hear of that.
    const { program, waiting } = await run(t, script, { stopDeadlineMs: 2000 })
    await waiting()

    await program.stop()

    t.strictSame(await program.exited, { code: 6, signal: null })
  })

  t.test('is stopped once, however often that is asked', async t => {
    const { program } = await run(t, WAIT, { stopDeadlineMs: 50 })

    t.equal(program.stop(), program.stop())
    await program.stop()
  })

  t.test('is killed by its shell when it does not end with this process', async t => {
    const options = `{ command: ['/bin/sh', '-c', '${WAIT}'], logFd: 1, stopDeadlineMs: 100 }`
    const code = `import('${SUPERVISOR_URL}').then(({ supervise }) => supervise(${options}))`
    const child = spawn(process.execPath, [...NODE_ARGS, '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    endWith(t, child)
    await once(child.stdout, 'data')
    const closed = once(child.stdout.resume(), 'close')

    child.kill('SIGKILL')

    await closed
    t.pass('the program has closed its output')
  })

  t.test('goes with its supervising shell', async t => {
    const { program, waiting, untilNobodyIsLeft } = await run(t, WAIT)
    const group = await waiting()

    process.kill(group, 'SIGKILL')

    t.strictSame(await program.exited, { code: null, signal: 'SIGKILL' })
    await untilNobodyIsLeft()
  })

  t.test('leaves nothing in its group that it has started itself', async t => {
    const end = join(await folder(t), 'end')
    const untilTold = `until [ -e '${end}' ]; do sleep 0.05; done`
    const { program, waiting, untilNobodyIsLeft } = await run(t, `(${WAIT}) & ${untilTold}`)
    await waiting()

    await writeFile(end, '')
    await program.exited

    await untilNobodyIsLeft()
  })
})

async function run(t: Test, script: string, options: Partial<SupervisorOptions> = {}) {
  const path = join(await folder(t), 'log')
  const log: FileHandle = await open(path, 'a')
  const program = supervise({
    command: ['/bin/sh', '-c', script],
    account: undefined,
    logFd: log.fd,
    stopDeadlineMs: 5_000,
    ...options
  })
  t.teardown(() => program.stop())
  await log.close()
  const output = () => readFile(path, 'utf8')
  let group = 0

  return { program, output, waiting, untilNobodyIsLeft }

  async function waiting(): Promise<number> {
    await until('the program waits', async () => (await output()).includes('waiting'))
    group = groupOf(Number(await program.pid))
    return group
  }

  async function untilNobodyIsLeft() {
    await until('the group is gone', () => isGone(-group))
    t.pass('nobody is left')
  }
}

/** A program that waits and can listen to signals. */
function node(script: string): string {
  return `exec '${process.execPath}' -e "${script};setInterval(() => {}, 1000);console.log('waiting')"`
}
