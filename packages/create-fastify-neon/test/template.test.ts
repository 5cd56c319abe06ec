/**
 * The templates are made of the service as it is. Whether a project of each works, test/soak/create.soak.ts shows.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { edited, type Files } from '../pack/files.ts'
import { withoutTable } from '../pack/migrations.ts'
import { templateOf, writeTemplates } from '../pack/template.ts'
import { VARIANTS, type Variant } from '../src/variants.ts'

const templates = new Map(VARIANTS.map(variant => [variant, templateOf(variant)]))
const the = (variant: Variant): Files => templates.get(variant) ?? new Map()
const manifestOf = (variant: Variant) => JSON.parse(`${the(variant).get('package.json')}`)

for (const [variant, files] of templates) {
  t.test(`the template ${variant}`, async t => {
    t.test('imports nothing that it does not have', async t => {
      const missing = [...files].flatMap(([path, text]) =>
        relativeImports(path, text).filter(
          target => !files.has(target) && !target.startsWith('node_modules/')
        )
      )

      t.strictSame(missing, [])
    })

    t.test('has every package that it imports, and no other of the service', async t => {
      const { dependencies, devDependencies } = manifestOf(variant)
      const frontend = JSON.parse(files.get('frontend/package.json') ?? '{}')
      const all = {
        ...dependencies,
        ...devDependencies,
        ...frontend.dependencies,
        ...frontend.devDependencies
      }
      const imported = [...files].flatMap(([path, text]) =>
        /\.(?:tsx?|mjs)$/.test(path)
          ? [...text.matchAll(/(?:from|import) '((?:@[\w-]+\/)?[a-z][\w-]*)[^':]*'/g)].map(
              ([, name = '']) => name
            )
          : []
      )

      t.strictSame(
        [...new Set(imported)].filter(name => !(name in all)),
        []
      )
      t.ok(Object.values(all).every(range => typeof range === 'string'))
      for (const name of ['tap', 'autocannon', 'fast-check', 'oidc-provider']) t.notOk(name in all, name)
    })

    t.test('installs the packages at the versions that they have here', async t => {
      const { dependencies, devDependencies } = manifestOf(variant)

      for (const name of ['fastify-neon', 'local-neon', 'migration-lint']) {
        const { version } = JSON.parse(
          readFileSync(new URL(`../../${name}/package.json`, import.meta.url), 'utf8')
        )
        t.equal({ ...dependencies, ...devDependencies }[name], `^${version}`)
      }
    })

    t.test('names files of this repository only by their address', async t => {
      const ofHere = /(?<![\w/.-])docs\/\w|c8 ignore|packages\//

      t.strictSame(
        pathsOf(files, text => ofHere.test(text)),
        []
      )
    })

    t.test('links to documents that are there', async t => {
      const links = [...files.values()].flatMap(text => [
        ...text.matchAll(/\/blob\/v[\d.]+\/([\w./-]+\.md)/g)
      ])

      t.ok(links.length > 5)
      t.strictSame(
        links
          .map(([, path = '']) => path)
          .filter(path => !existsSync(new URL(`../../../${path}`, import.meta.url))),
        []
      )
    })

    t.test('is for a project of another name', async t => {
      const deployment = `${files.get('deploy/kubernetes/deployment.yaml')}`

      t.match(deployment, 'image: {{name}}')
      t.match(files.get('deploy/kubernetes/migration-job.yaml'), 'name: {{name}}-migration')
      t.match(files.get('deploy/kubernetes/migration-job.yaml'), 'node_modules/fastify-neon/dist/cli/main.js')
    })

    t.test('runs the tests that it has', async t => {
      t.match(manifestOf(variant).scripts.test, / test\/\*\.test\.ts$/)
      t.ok([...files.keys()].some(path => /^test\/[^/]+\.test\.ts$/.test(path)))
    })
  })
}

t.test('without the frontend nothing speaks of one', async t => {
  const [dev = ''] = ['dev/dev.ts'].map(path => the('no-frontend').get(path))

  t.notMatch(dev, /frontend/i)
  t.strictSame(
    [...the('no-frontend').keys()].filter(path => path.includes('frontend')),
    []
  )
  t.notOk('workspaces' in manifestOf('no-frontend'))
  t.strictSame(manifestOf('full').workspaces, ['frontend'])
})

t.test('without the example nothing speaks of tasks', async t => {
  t.strictSame(
    pathsOf(the('no-example'), (text, path) => /\btasks?\b/i.test(text) || path.includes('task')),
    []
  )
})

t.test('the migrations without the example', async t => {
  const files = the('no-example')
  const { entries }: { entries: { idx: number; tag: string }[] } = JSON.parse(
    `${files.get('drizzle/meta/_journal.json')}`
  )

  t.test('are numbered anew, with a snapshot each that names the one before it', async t => {
    let prevId = '00000000-0000-0000-0000-000000000000'
    for (const [index, { idx, tag }] of entries.entries()) {
      t.equal(idx, index)
      t.match(tag, new RegExp(`^000${index}_`))
      t.ok(files.has(`drizzle/${tag}.sql`), tag)
      const snapshot = JSON.parse(`${files.get(`drizzle/meta/000${index}_snapshot.json`)}`)
      t.equal(snapshot.prevId, prevId)
      prevId = snapshot.id
    }
    t.equal([...files.keys()].filter(path => path.startsWith('drizzle/')).length, 2 * entries.length + 1)
  })

  t.test('keep every statement that is not about tasks', async t => {
    const sql = [...files]
      .filter(([path]) => path.endsWith('.sql'))
      .map(([, text]) => text)
      .join('')

    for (const statement of [
      'CREATE TABLE "idempotency_keys"',
      'CREATE ROLE app_user',
      'ALTER TABLE "idempotency_keys" FORCE ROW LEVEL SECURITY',
      'CREATE FUNCTION app.delete_expired_keys'
    ])
      t.match(sql, statement)
  })
})

t.test('an edit whose place is not there, or there twice, fails', async t => {
  const files = new Map([['a.ts', 'one two one']])

  t.throws(() => edited(files, [{ file: 'a.ts', find: 'three', by: '' }]), {
    message: 'a.ts has 0 times, and not once: three'
  })
  t.throws(() => edited(files, [{ file: 'a.ts', find: 'one', by: '' }]), {
    message: 'a.ts has 2 times, and not once: one'
  })
  t.throws(() => edited(files, [{ file: 'b.ts', find: 'one', by: '' }]), {
    message: 'the template has no b.ts'
  })
  t.throws(() => withoutTable(files, 'tasks'), { message: 'the template has no drizzle/meta/_journal.json' })
})

t.test('what is written has no file that npm leaves out or reads', async t => {
  const folder = t.testdir({ old: '' })

  writeTemplates(folder)

  t.notOk(existsSync(join(folder, 'old')))
  for (const variant of VARIANTS) {
    t.ok(existsSync(join(folder, variant, 'dot-gitignore')))
    t.notOk(existsSync(join(folder, variant, '.gitignore')))
  }
})

function pathsOf(files: Files, isFound: (text: string, path: string) => boolean): string[] {
  return [...files].filter(([path, text]) => isFound(text, path)).map(([path]) => path)
}

function relativeImports(path: string, text: string): string[] {
  if (!/\.tsx?$/.test(path)) return []
  const imports = text.matchAll(/(?:from|import) '(\.[^']+)'|import\('(\.[^']+)'\)/g)
  return [...imports].map(([, from, called]) => join(dirname(path), `${from ?? called}`))
}
