/**
 * The rows of `npm run compat` are those of the documentation, and each app is used.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROWS } from '../compat/rows.ts'
import { ROOT } from './support/processes.ts'

t.test('docs/reference/compatibility.md has each row, with its title', async t => {
  const page = readFileSync(join(ROOT, 'docs', 'reference', 'compatibility.md'), 'utf8')
  const documented = [...page.matchAll(/^\| `([^`]+)` \| (.*?) \|/gm)].map(([, name, title]) => [name, title])

  t.strictSame(
    documented,
    ROWS.map(({ name, title }) => [name, title])
  )
})

t.test('each row has a name of its own, and each app a row', async t => {
  t.equal(new Set(ROWS.map(({ name }) => name)).size, ROWS.length)
  t.strictSame(new Set(ROWS.map(({ app }) => app)), new Set(readdirSync(join(ROOT, 'compat', 'apps'))))
})
