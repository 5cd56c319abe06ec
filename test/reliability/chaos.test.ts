import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { NODE_ARGS, ROOT } from '../processes.ts'

const execute = promisify(execFile)

t.setTimeout(300_000)

const chaos = (...args: string[]) =>
  execute(process.execPath, [...NODE_ARGS, 'test/reliability/chaos-command.ts', ...args], { cwd: ROOT })

t.test('a minute of chaos', async t => {
  const { stdout } = await chaos('--seconds', '60', '--seed', '1')

  const report = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
  t.comment(JSON.stringify(report))
  t.match(report, { lost: 0, phantom: 0, foreign: 0, leaked: 0, broken: [] })
  t.ok(report.acknowledged > 500, 'and it was worked through')
  t.ok(report.unknown > 10)
})

t.test('chaos of no time is refused', async t => {
  await t.rejects(chaos('--seconds', '0'), { code: 2, stderr: '--seconds must be a whole number from 1\n' })
})
