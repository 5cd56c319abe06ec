/**
 * docs/reference/plugins.md has the options of the plugins, and docs/reference/command-line.md the flags of the
 * commands: both are compared with the code.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { FINDINGS_EXIT_CODE } from '../../packages/fastify-neon/src/cli/audit/audit-command.ts'
import { FAILED_EXIT_CODE } from '../../packages/fastify-neon/src/cli/doctor/doctor-command.ts'
import { runSubcommand } from '../../packages/fastify-neon/src/cli/subcommands.ts'
import { DRIZZLE_OPTIONS } from '../../packages/fastify-neon/src/drizzle/database.ts'
import { MIGRATION_FINDINGS } from '../../packages/fastify-neon/src/migrations/findings.ts'
import { HEALTH_DEFAULTS } from '../../packages/fastify-neon/src/plugins/health/options.ts'
import { WARNING_LEVELS } from '../../packages/fastify-neon/src/plugins/isolation/check.ts'
import { POOL_DEFAULTS } from '../../packages/fastify-neon/src/pool/pool.ts'
import { isolationScope } from '../../packages/fastify-neon/src/rls-audit/audit.ts'
import { USAGE as LOCAL_NEON_USAGE } from '../../packages/local-neon/src/cli/commands.ts'
import { runLint } from '../../packages/migration-lint/src/cli/command.ts'
import { ROOT } from '../support/processes.ts'

const PLUGINS = 'packages/fastify-neon/src/plugins'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** Under a heading, until the next one. */
function sectionOf(document: string, heading: string): string {
  const text = read(document)
  const start = text.indexOf(`\n${heading}\n`) + 1
  if (start === 0) throw new Error(`${document} has no ${heading}`)
  const end = text.indexOf('\n#', start)
  return text.slice(start, end === -1 ? undefined : end)
}

/** The cells of each row that begins with a name in backticks. */
function rowsOf(section: string): string[][] {
  return section
    .split('\n')
    .filter(line => line.startsWith('| `'))
    .map(line => line.slice(2, -2).split(' | '))
    .map(cells => cells.map(cell => cell.trim().replaceAll('`', '')))
}

const optionsOf = (plugin: string) =>
  rowsOf(sectionOf('docs/reference/plugins.md', `### Options of fastify-neon/${plugin}`))

/** What a plugin compares the names of given options with. */
function namesInCode(file: string): string[] {
  const [, list = ''] = /^const OPTIONS = \[([\s\S]*?)\]/m.exec(read(`${PLUGINS}/${file}`)) ?? []
  return [...list.matchAll(/'(\w+)'/g)].map(([, name = '']) => name)
}

t.test('docs/reference/plugins.md', async t => {
  t.test('has every option of each plugin, and no other', async t => {
    const inCode = {
      db: [...namesInCode('db.ts'), ...DRIZZLE_OPTIONS, ...Object.keys(POOL_DEFAULTS)],
      health: [...namesInCode('health/options.ts'), ...Object.keys(HEALTH_DEFAULTS)],
      isolation: namesInCode('isolation/isolation.ts'),
      metrics: namesInCode('metrics/metrics.ts'),
      otel: namesInCode('otel/otel.ts')
    }

    for (const [plugin, names] of Object.entries(inCode)) {
      const documented = optionsOf(plugin).map(([name = '']) => name)
      t.strictSame(documented.sort(), [...new Set(names)].sort(), plugin)
    }
  })

  t.test('has every limit of the pool with its default', async t => {
    const limits = optionsOf('db').filter(([name = '']) => name in POOL_DEFAULTS)

    t.strictSame(Object.fromEntries(limits.map(([name, value]) => [name, Number(value)])), POOL_DEFAULTS)
  })

  t.test('has the defaults of health', async t => {
    t.strictSame(
      optionsOf('health')
        .slice(0, Object.keys(HEALTH_DEFAULTS).length)
        .map(([name, , value]) => [name, value]),
      Object.entries(HEALTH_DEFAULTS).map(([name, value]) => [
        name,
        typeof value === 'string' ? `'${value}'` : `${value}`
      ])
    )
  })

  t.test('has the defaults of isolation', async t => {
    const { role: _, ...defaults } = isolationScope({})
    const documented = new Map(optionsOf('isolation').map(([name, , value]) => [name, value]))

    t.equal(documented.get('warningLevel'), `'${WARNING_LEVELS[0]}'`)
    for (const [name, value] of Object.entries(defaults))
      t.equal(documented.get(name), JSON.stringify(value).replaceAll('"', "'"))
  })
})

t.test('docs/reference/command-line.md', async t => {
  const commands = ['migrate', 'status', 'mark-applied', 'repair', 'audit', 'doctor']

  t.test('has every subcommand', async t => {
    const [, list = ''] =
      /^fastify-neon (\S+) \[options\]/m.exec(await helpOf(runFastifyNeon, '--help')) ?? []

    t.strictSame([...commands, 'check'].sort(), list.split('|'))
    for (const name of list.split('|'))
      t.match(read('docs/reference/command-line.md'), `| \`npx fastify-neon ${name}\` |`)
  })

  t.test('has the flags of each command, as its --help has them', async t => {
    const helps: [string, string][] = [
      ...(await Promise.all(
        commands.map(
          async name => [`fastify-neon ${name}`, await helpOf(runFastifyNeon, name, '--help')] as const
        )
      )),
      ['migration-lint', await helpOf(runLint, '--help')],
      ['local-neon', LOCAL_NEON_USAGE]
    ].map(([command = '', help = '']) => [command, help])

    for (const [command, help] of helps) {
      const documented = rowsOf(sectionOf('docs/reference/command-line.md', `## ${command}`))
      t.strictSame(
        documented.flatMap(([flag = '']) => flag.match(/^--\S+/) ?? []).sort(),
        [...help.matchAll(/^ {2}(--\S+)/gm)].map(([, flag]) => flag).sort(),
        command
      )
    }
  })

  t.test('has the commands of local-neon', async t => {
    const documented = rowsOf(sectionOf('docs/reference/command-line.md', '## local-neon'))

    t.strictSame(
      documented.map(([name = '']) => name).filter(name => !name.startsWith('--')),
      [...LOCAL_NEON_USAGE.matchAll(/^ {2}([a-z]+(?: [A-Z[].*?)?) {2,}/gm)].map(([, name]) => name)
    )
  })

  t.test('has the exit codes', async t => {
    const codes = Object.values(MIGRATION_FINDINGS).map(({ exitCode }) => exitCode)
    const documented = [
      ...sectionOf('docs/reference/command-line.md', '## Exit codes').matchAll(/^\| (\d[\d to]*?) +\|/gm)
    ]

    t.strictSame(
      documented.map(([, code]) => code),
      [
        '0',
        '1',
        '2',
        `${Math.min(...codes)} to ${Math.max(...codes)}`,
        `${FINDINGS_EXIT_CODE}`,
        `${FAILED_EXIT_CODE}`
      ]
    )
  })
})

interface Printer {
  print: (text: string) => void
  printError: (text: string) => void
}

const runFastifyNeon = (args: string[], printer: Printer) => runSubcommand(args, { ...printer, env: {} })

async function helpOf(
  run: (args: string[], printer: Printer) => Promise<number>,
  ...args: string[]
): Promise<string> {
  let text = ''
  const print = (line: string) => {
    text += `${line}\n`
  }
  await run(args, { print, printError: print })
  return text
}
