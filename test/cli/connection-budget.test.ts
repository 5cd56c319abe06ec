import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { NODE_ARGS, ROOT, runProgram } from '../processes.ts'

const PROGRAM = 'src/cli/connection-budget.ts'

t.test('db:budget', async t => {
  t.test('exits with 0 when the manifests fit', async t => {
    const { ended, output } = runProgram(t, PROGRAM)

    t.equal(await ended, 0)
    t.match(output(), /\nfits, with \d+ to spare\n$/)
  })

  t.test('exits with 1 when they do not', async t => {
    const { ended, output } = runProgram(t, PROGRAM, { args: ['--replicas', '10'] })

    t.equal(await ended, 1)
    t.match(output(), '\ndoes not fit: ')
  })

  t.test('exits with 2, the reason and the usage when it is asked wrongly', async t => {
    const { ended, output } = runProgram(t, PROGRAM, { args: ['--replicas', 'many'] })

    t.equal(await ended, 2)
    t.match(output(), /^--replicas must be .* and not many\n\nnpm run db:budget -- \[options]\n/)
  })

  t.test('reads what kustomize prints from standard input', async t => {
    const child = spawn(process.execPath, [...NODE_ARGS, ROOT + PROGRAM, '--manifests', '-'])
    const ended = once(child, 'close')
    const printed = text(child.stdout)

    child.stdin.end('kind: Deployment\nspec: { replicas: 2 }\n')

    t.strictSame(await ended, [0, null])
    t.match(await printed, '  replicas                       2\n')
  })
})
