/**
 * docs/reference/licences.md has the licence of everything that a package of ours brings along, and each is one that we allow.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ALLOWED, DOCUMENT, readDependencies, withTable } from './support/licences.ts'
import { ROOT } from './support/processes.ts'

const dependencies = readDependencies()

t.test('every licence is allowed', async t => {
  t.ok(dependencies.length > 0)
  t.strictSame(
    dependencies
      .filter(({ licence }) => !ALLOWED.includes(licence))
      .map(({ name, licence }) => `${name}: ${licence}`),
    []
  )
})

t.test('every licence is the one of the package that is installed', async t => {
  const installed = dependencies.flatMap(({ licence, paths }) =>
    paths
      .map(path => [join(ROOT, path, 'package.json'), licence] as const)
      .filter(([file]) => existsSync(file))
  )

  // Those of other platforms are not here.
  t.ok(installed.length > dependencies.length / 2)
  t.strictSame(
    installed.filter(([file, licence]) => JSON.parse(readFileSync(file, 'utf8')).license !== licence),
    []
  )
})

t.test(`${DOCUMENT} has them all; npm run licences writes it again`, async t => {
  const text = readFileSync(join(ROOT, DOCUMENT), 'utf8')

  t.equal(text, withTable(text))
  t.match(text, `Allowed are ${ALLOWED.join(', ')}.`)
})
