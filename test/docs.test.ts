/**
 * The documentation that states facts of the code is compared with the code.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import * as errors from '../packages/fastify-neon/src/errors/errors.ts'
import { POOL_DEFAULTS } from '../packages/fastify-neon/src/pool/pool.ts'
import { LOCAL_SETTINGS } from '../packages/local-neon/src/cli/settings.ts'
import { FaultSchema } from '../packages/local-neon/src/faults/fault.ts'
import { REFUSALS } from '../packages/local-neon/src/proxy/refusals.ts'
import * as serviceErrors from '../src/errors.ts'
import { Settings } from '../src/settings.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

interface Setting {
  default?: string | number
  description?: string
  minimum?: number
  maximum?: number
  enum?: string[]
}

t.test('docs/reference/errors.md', async t => {
  const { DATABASE_FAILURES, ...classes } = errors
  const inCode = [
    ...Object.values({ ...classes, ...serviceErrors })
      .map(ErrorClass => new ErrorClass(''))
      .map(({ code, statusCode }) => `${code} ${statusCode}`),
    ...Object.values(DATABASE_FAILURES).map(({ code, statusCode }) => `${code} ${statusCode}`)
  ]
  const inDocs = [...read('docs/reference/errors.md').matchAll(/^\| `(\w+)` +\| (\d+) +\|/gm)].map(
    ([, code, status]) => `${code} ${status}`
  )

  t.test('has every code with its status, and no other', async t => {
    t.strictSame(inDocs.sort(), inCode.sort())
  })
})

t.test('README.md', async t => {
  t.test('has every limit of the pool with its default, and no other', async t => {
    const [options = ''] = read('README.md').match(/^Options of the db plugin.*?\n\n/ms) ?? []
    const limits = [...options.matchAll(/`(\w+)`\s+\((\d[\d ]*)/g)].map(([, name = '', value = '']) => [
      name,
      Number(value.replaceAll(' ', ''))
    ])

    t.strictSame(Object.fromEntries(limits), POOL_DEFAULTS)
  })
})

t.test('docs/reference/configuration.md', async t => {
  const rows = [...read('docs/reference/configuration.md').matchAll(/^\| `(\w+)` +\|(.*)\|(.*)\|(.*)\|$/gm)]

  t.test('has every setting with its default, range and meaning, in order', async t => {
    const settings = Object.entries<Setting>(Settings.properties).map(([name, setting]) => [
      name,
      setting.default === undefined ? (isRequired(name) ? 'required' : '') : `\`${setting.default}\``,
      setting.enum?.join(', ') ??
        (setting.minimum === undefined ? '' : `${setting.minimum} to ${setting.maximum}`),
      setting.description
    ])

    t.strictSame(
      rows.map(([, ...cells]) => cells.map(cell => cell.trim())),
      settings
    )
  })
})

t.test('.env.example', async t => {
  t.test('has every setting, with its default or as a comment', async t => {
    const lines = [...read('.env.example').matchAll(/^(# )?([A-Z_]+)=(.*)$/gm)].map(
      ([, comment, name, value]) => (comment ? `${name}` : `${name}=${value}`)
    )
    const expected = Object.entries<Setting>(Settings.properties).map(([name, setting]) =>
      setting.default === undefined ? name : `${name}=${setting.default}`
    )

    t.strictSame(lines, expected)
  })
})

t.test('docs/reference/local-neon.md', async t => {
  const text = read('docs/reference/local-neon.md')
  const common = ['type', 'connections', 'where', 'after', 'times', 'forMs']

  t.test('has every fault with what it takes, and no other', async t => {
    const inCode = FaultSchema.anyOf.map(({ properties }) => {
      const own = Object.keys(properties).filter(name => !common.includes(name))
      return [properties.type.const, ...own].join(' ')
    })
    const rows = /\| type +\| takes[\s\S]*?\n\n/.exec(text)?.[0] ?? ''
    const inDocs = [...rows.matchAll(/^\| `([\w-]+)` +\|([^|]*)\|/gm)].map(([, type, takes = '']) =>
      [
        type,
        ...[...takes.replace(/:[^,]*(?:, `[^`]+`|, \d+)*/g, '').matchAll(/`(\w+)`/g)].map(([, name]) => name)
      ].join(' ')
    )

    t.strictSame(inDocs, inCode)
  })

  t.test('has every text of Neon by its name', async t => {
    const listed = /Texts of Neon by name: ([\s\S]*?)\.\n/.exec(text)?.[1] ?? ''

    t.strictSame(
      [...listed.matchAll(/`([\w-]+)`/g)].map(([, name]) => name),
      Object.keys(REFUSALS)
    )
  })

  t.test('names tests that are there', async t => {
    const rows = [...text.matchAll(/^\|.*\| \[([\w.-]+)\]\(((?:\.\.\/)+packages\/[\w./-]+)\): (.*?) +\|$/gm)]

    t.ok(rows.length > 0)
    for (const [, , file = '', titles = ''] of rows) {
      const source = read(join('docs/reference', file))
      for (const title of titles.split('; ')) t.ok(source.includes(title), `${file}: ${title}`)
    }
  })
})

for (const document of ['docs/explanation/reliability.md', 'docs/explanation/security.md']) {
  t.test(`${document} names tests that are there`, async t => {
    const cells = [...read(document).matchAll(/^\| [A-H]\d+ .*\| (.+) \|$/gm)].map(([, tests = '']) => tests)
    t.ok(cells.length > 0)

    for (const cell of cells) {
      for (const [, path = '', titles = ''] of cell.matchAll(/\[[^\]]+\]\(([^)]+)\): ((?:(?!, \[).)+)/g)) {
        const source = read(join(dirname(document), path))
        for (const title of titles.split('; ')) t.ok(source.includes(title), `${path}: ${title}`)
      }
    }
  })
}

t.test('docs/reference/configuration.md has every variable of the local Neon', async t => {
  const inDocs = [...read('docs/reference/configuration.md').matchAll(/^\| (LOCAL_NEON_\w+) /gm)].map(
    ([, name]) => name
  )

  t.strictSame(inDocs, Object.keys(LOCAL_SETTINGS))
})

t.test('every link in the documentation leads to a file', async t => {
  const readmes = readdirSync(join(ROOT, 'packages')).map(name => `packages/${name}/README.md`)
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'SECURITY.md',
    ...readmes,
    ...markdownIn('docs')
  ]
  for (const document of documents) {
    for (const [, target] of read(document).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)) {
      t.ok(existsSync(join(ROOT, dirname(document), target ?? '')), `${document}: ${target}`)
    }
  }
})

t.test('CONTRIBUTING.md says where at least twenty behaviours are, in files that are there', async t => {
  const [table = ''] = /^## Where is[\s\S]*?\n## /m.exec(read('CONTRIBUTING.md')) ?? []
  const files = [...table.matchAll(/^\|.*\| `([^`]+\.ts)` +\|$/gm)].map(([, file = '']) => file)

  t.ok(files.length >= 20)
  for (const file of files) t.ok(existsSync(join(ROOT, file)), file)
})

t.test('the README names no script that is not there', async t => {
  const { scripts } = JSON.parse(read('package.json'))
  for (const [, script] of read('README.md').matchAll(/npm run ([\w:-]+)/g))
    t.ok(script && script in scripts, `${script}`)
})

function markdownIn(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  return names.filter(name => name.endsWith('.md')).map(name => join(folder, name))
}

function isRequired(name: string): boolean {
  return Settings.required?.some(required => required === name) ?? false
}
