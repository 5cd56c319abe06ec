/**
 * The one program of all subcommands.
 */
import { tmpdir } from 'node:os'
import t, { type Test } from 'tap'
import { runProgram } from '../../../../test/support/processes.ts'
import { runSubcommand } from '../../src/cli/subcommands.ts'
import { captured } from './captured.ts'

const captive = captured(runSubcommand)
const run = (...args: string[]) => captive({}, ...args)

t.test('fastify-neon', async t => {
  const usage = /^fastify-neon audit\|check\|doctor\|mark-applied\|migrate\|repair\|status \[options]\n/

  t.test('explains itself, also where it is asked wrongly', async t => {
    t.match(await run('--help'), { code: 0, text: usage })
    t.match(await run('-h'), { code: 0, text: usage })
    t.match(await run(), { code: 2, text: usage })
    t.match(await run('toString'), { code: 2, text: /^unknown command: toString\n\nfastify-neon audit/ })
  })

  t.test('has each subcommand by its name', async t => {
    for (const name of ['audit', 'mark-applied', 'migrate', 'repair', 'status'])
      t.match(await run(name, '--help'), { code: 0, text: new RegExp(`^npx fastify-neon ${name} `) })
  })
})

t.test('fastify-neon check', async t => {
  t.test('is the command of migration-lint in the project, with its options and its exit code', async t => {
    const lint = 'console.log(process.argv.slice(2).join()); process.exitCode = 20'

    t.strictSame(await checkIn(t, lint, '--base', 'main'), { code: 20, text: '--base,main\n' })
  })

  t.test('has failed when the lint was killed', async t => {
    t.match(await checkIn(t, "process.kill(process.pid, 'SIGKILL')"), { code: 1 })
  })

  t.test('says how to install it where there is none', async t => {
    const before = process.cwd()
    process.chdir(tmpdir())
    t.teardown(() => process.chdir(before))

    t.match(await run('check'), { code: 1, text: /npm install --save-dev migration-lint\n$/ })
  })
})

/** As a process, in a project whose migration-lint is this code. */
async function checkIn(t: Test, code: string, ...args: string[]) {
  const cwd = t.testdir({
    'node_modules/migration-lint': {
      'package.json': '{ "bin": { "migration-lint": "./lint.js" } }',
      'lint.js': code
    }
  })
  const { ended, output } = runProgram(t, 'packages/fastify-neon/src/cli/main.ts', {
    args: ['check', ...args],
    cwd
  })
  return { code: await ended, text: output() }
}
