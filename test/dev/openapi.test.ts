import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ROOT, runProgram } from '../support/processes.ts'

const openapi = (t: Test, ...args: string[]) => runProgram(t, 'dev/openapi.ts', { args })
const KEPT = readFileSync(join(ROOT, 'docs/openapi.json'), 'utf8')

t.test('npm run openapi', async t => {
  t.test('says what it wants when it is told nothing', async t => {
    const { ended, output } = openapi(t)

    t.equal(await ended, 2)
    t.match(output(), /^where to\?/)
  })

  t.test('is a program that needs no setting and no database, and ends', async t => {
    const path = join(t.testdir(), 'openapi.json')

    const { ended } = openapi(t, path)

    t.equal(await ended, 0)
    t.equal(readFileSync(path, 'utf8'), KEPT)
  })
})
