import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { NODE_ARGS, ROOT, runProgram } from '../../../../test/support/processes.ts'
import { runLint } from '../../src/cli/command.ts'
import { type Entry, folderOf, ORIGIN, snapshot } from '../migrations.ts'

const FIRST = { name: '0000_first', sql: 'CREATE TABLE "tasks" ()', snapshot: snapshot('a', ORIGIN) }
const DROP = { name: '0001_drop', sql: 'DROP TABLE "tasks"', snapshot: snapshot('b', 'a') }
const CONFIG =
  "console.log('a config that talks')\nexport default { dialect: 'postgresql', schema: 'schema.ts' }"

const SCHEMA = "console.log('so does a schema')"

/** In this process, with no configuration: to load one takes a process. */
async function check(t: Test, entries: Entry[], args: string[], schema = SCHEMA) {
  const before = process.cwd()
  process.chdir(join(folderOf(t, entries, { 'schema.ts': schema }), '..'))
  let text = ''
  const print = (line: string) => {
    text += `${line}\n`
  }
  const given = args.includes('--help') ? args : [...args, '--schema', 'schema.ts']
  const code = await runLint(given, { print, printError: print }).finally(() => process.chdir(before))
  return { code, text }
}

/** As a process, in a project with a configuration. */
async function checkProject(t: Test, entries: Entry[], args: string[]) {
  const cwd = join(folderOf(t, entries, { 'drizzle.config.ts': CONFIG, 'schema.ts': SCHEMA }), '..')
  const { ended, output } = runProgram(t, 'packages/migration-lint/src/cli/migration-lint.ts', { cwd, args })
  return { code: await ended, text: output() }
}

t.test('db:check', async t => {
  t.test('exits with 0 when nothing is wrong', async t => {
    t.strictSame(await checkProject(t, [FIRST], ['--no-base']), {
      code: 0,
      text: 'nothing found in 1 migration, all as new, with no base branch\n'
    })
  })

  t.test('exits with the code of what it finds, and prints it', async t => {
    const { code, text } = await check(t, [FIRST, DROP], ['--no-base'])

    t.equal(code, 20)
    t.match(text, /^drizzle\/0001_drop\.sql:1: hazard\n {2}DROP TABLE "tasks"\n {2}drop-table: /)
    t.match(text, 'fastify-neon:allow drop-table: REASON')
  })

  t.test('prints one JSON document, whatever the code of the project prints', async t => {
    const { code, text } = await checkProject(t, [FIRST, DROP], ['--no-base', '--json'])

    t.equal(code, 20)
    t.match(JSON.parse(text), {
      findings: [{ kind: 'hazard', hazard: 'drop-table', line: 1 }],
      checked: { drift: true }
    })
  })

  t.test('exits with 1 when it cannot check, or not to the end', async t => {
    const part = await check(t, [FIRST, DROP], ['--no-base'], 'nonsense()')
    const none = await check(t, [FIRST], ['--no-base', '--folder', 'nowhere'])

    t.equal(part.code, 1)
    t.match(
      part.text,
      /1 finding in 2 migrations.*\nmigrations not checked to the end: .*nonsense is not defined/s
    )
    t.equal(none.code, 1)
    t.match(none.text, /^migrations not checked: there is no folder of migrations: nowhere/)
  })

  t.test('exits with 2, the reason and the usage when it is asked wrongly', async t => {
    for (const [args, reason] of [
      [['--bse', 'main'], /^Unknown option '--bse'/],
      [['--base', 'main', '--no-base'], /^--base and --no-base exclude each other/],
      [['--base', 'no-such-branch'], /^(?:there is no no-such-branch|git cannot be asked)/]
    ] as const) {
      const { code, text } = await check(t, [FIRST], [...args])

      t.equal(code, 2)
      t.match(text, reason)
      t.match(text, '\n\nmigration-lint [options]\n')
    }
  })

  t.test('explains itself', async t => {
    t.match(await check(t, [FIRST], ['--help']), { code: 0, text: /^migration-lint \[options]\n/ })
  })
})

t.test("the project's own migrations pass", async t => {
  // Without tap's coverage, which would count drizzle.config.ts.
  const program = [
    '-u',
    'NODE_OPTIONS',
    process.execPath,
    ...NODE_ARGS,
    'packages/migration-lint/src/cli/migration-lint.ts',
    '--no-base'
  ]
  const { stdout } = await promisify(execFile)('env', program, { cwd: ROOT })

  t.match(stdout, /^nothing found in \d+ migrations/)
})
