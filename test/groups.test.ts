/**
 * No test is left out: each file runs in exactly one process of `npm test`.
 */
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import {
  browserFiles,
  entriesOf,
  filesAlone,
  GROUPS,
  groupedFiles,
  groupsOf,
  included,
  membersOf
} from './groups/members.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))

t.test('each test file is in one group, or has a process of its own', async t => {
  t.strictSame(
    groupedFiles().filter(file => groupsOf(file).length !== 1),
    []
  )
})

t.test('the tests in a browser are those of the soak test, and of no group', async t => {
  t.ok(browserFiles().length > 0)
  t.strictSame(
    browserFiles().filter(file => groupedFiles().includes(file)),
    []
  )
})

t.test('each group has files, and an entry that runs them', async t => {
  const entries = readdirSync(`${HERE}groups`).filter(file => file.endsWith('.group.ts'))

  t.strictSame(
    entries.sort(),
    Object.keys(GROUPS)
      .map(name => `${name}.group.ts`)
      .sort()
  )
  for (const name of Object.keys(GROUPS)) t.ok(membersOf(name).length > 0, name)
})

t.test('no file runs beside its group as well', async t => {
  t.strictSame(
    included().filter(file => !filesAlone().includes(file)),
    ['test/groups/*.group.ts']
  )
})

t.test('each file that .taprc names is there', async t => {
  t.strictSame(
    filesAlone().filter(file => !existsSync(`${HERE}../${file}`)),
    []
  )
})

t.test('`npm test` in a package runs all of its tests, and no others', async t => {
  const packages = readdirSync(`${HERE}../packages`)
  const entries = packages.flatMap(entriesOf)

  t.strictSame(new Set(entries).size, entries.length)
  for (const name of packages) {
    const files = entriesOf(name).flatMap(entry => {
      const [, group] = /^test\/groups\/(.+)\.group\.ts$/.exec(entry) ?? []
      return group === undefined ? entry : membersOf(group)
    })
    t.ok(files.length > 0, name)
    t.ok(
      files.every(file => file.startsWith(`packages/${name}/test/`)),
      name
    )
  }
})
