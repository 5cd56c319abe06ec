import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { writeOpenapi } from '../../src/cli/openapi-document.ts'
import { ROOT, runProgram } from '../processes.ts'
import { captured } from './captured.ts'

const run = captured(writeOpenapi)
const KEPT = readFileSync(join(ROOT, 'docs/openapi.json'), 'utf8')

t.test('npm run openapi', async t => {
  t.test('writes the document where it is told to', async t => {
    const path = join(t.testdir(), 'openapi.json')

    const { code, text } = await run({}, path)

    t.equal(code, 0)
    t.match(text, `written    ${path}`)
    t.equal(readFileSync(path, 'utf8'), KEPT)
  })

  t.test('says what it wants when it is told nothing', async t => {
    t.match(await run({}), { code: 2, text: /^where to\?/ })
  })

  t.test('is a program that needs no setting and no database, and ends', async t => {
    const path = join(t.testdir(), 'openapi.json')

    const { ended } = runProgram(t, 'src/cli/openapi.ts', { args: [path] })

    t.equal(await ended, 0)
    t.equal(readFileSync(path, 'utf8'), KEPT)
  })
})
