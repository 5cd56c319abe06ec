/**
 * `npm run test:package -- NAME [FILE …]`: the tests of one package, or these files of its folder, without coverage.
 */
import { spawnSync } from 'node:child_process'
import { entriesOf } from './groups/members.ts'
import { ROOT } from './support/processes.ts'

const [name = '', ...words] = process.argv.slice(2)
const flags = words.filter(word => word.startsWith('-'))
const files = words.filter(word => !flags.includes(word))
const entries = files.length > 0 ? files.map(file => `packages/${name}/${file}`) : entriesOf(name)
if (entries.length === 0) throw new Error(`no package of this name has tests: ${name}`)
const { status } = spawnSync('tap', ['--disable-coverage', ...flags, ...entries], {
  cwd: ROOT,
  stdio: 'inherit'
})
process.exitCode = status ?? 1
