/**
 * Random faults under a service in use, and whether every user was told the truth.
 */
import t, { type Test } from 'tap'
import { runProgram } from '../support/processes.ts'

const SECONDS = 40

t.setTimeout(300_000)

const chaos = (t: Test, ...args: string[]) => runProgram(t, 'test/reliability/chaos-command.ts', { args })

t.test(`${SECONDS} s of chaos`, async t => {
  const { ended, output } = chaos(t, '--seconds', `${SECONDS}`, '--seed', '1')

  t.equal(await ended, 0)
  const report = JSON.parse(output().trimEnd().split('\n').at(-1) ?? '')
  t.comment(JSON.stringify(report))
  t.match(report, { lost: 0, phantom: 0, foreign: 0, leaked: 0, broken: [] })
  t.ok(report.acknowledged > 0, 'and it was worked through')
})

t.test('chaos of no time is refused', async t => {
  const { ended, output } = chaos(t, '--seconds', '0')

  t.equal(await ended, 2)
  t.equal(output(), '--seconds must be a whole number from 1\n')
})
