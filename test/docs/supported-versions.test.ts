/**
 * docs/reference/support.md says what the packages ask npm for, and which versions are tested.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../support/processes.ts'
import { nodeVersions } from '../workflows/workflows.ts'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const manifestOf = (name: string) => JSON.parse(read(`packages/${name}/package.json`))
const lock = JSON.parse(read('package-lock.json')).packages

const compatibility = read('docs/reference/compatibility.md')
const rows = new Map(
  [...read('docs/reference/support.md').matchAll(/^\| (.+?) \| (.+) \| (.+) \|$/gm)].map(
    ([, what = '', supported = '', tested = '']) => [
      what,
      { supported: supported.replaceAll('\\|', '|'), tested }
    ]
  )
)

t.test('docs/reference/support.md', async t => {
  t.test('has the range of each peer', async t => {
    const { peerDependencies } = manifestOf('fastify-neon')
    const peers = {
      Fastify: peerDependencies.fastify,
      'Drizzle ORM': peerDependencies['drizzle-orm'],
      '`@neondatabase/serverless`': peerDependencies['@neondatabase/serverless'],
      '`@opentelemetry/api`, which is optional': peerDependencies['@opentelemetry/api'],
      'drizzle-kit': manifestOf('migration-lint').peerDependencies['drizzle-kit']
    }

    for (const [what, range] of Object.entries(peers))
      t.equal(rows.get(what)?.supported, `\`${range}\``, what)
    t.equal(Object.keys(peerDependencies).length, Object.keys(peers).length - 1)
    t.equal(rows.size, Object.keys(peers).length + 4, 'with Node.js, Postgres and the head of the table')
  })

  t.test('has the Node.js that every package asks for, and those that the tests run on', async t => {
    for (const name of readdirSync(join(ROOT, 'packages')))
      t.equal(`\`${manifestOf(name).engines.node}\``, rows.get('Node.js')?.supported, name)
    t.equal(rows.get('Node.js')?.tested, nodeVersions().join(', '))
  })

  t.test('has the versions that compatibility.md has a row of', async t => {
    for (const [what, prefix] of [
      ['Fastify', 'fastify'],
      ['Drizzle ORM', 'drizzle'],
      ['`@neondatabase/serverless`', 'driver'],
      ['Postgres, on Neon or in `local-neon`', 'postgres']
    ] as const) {
      const inDocument = [
        ...compatibility.matchAll(new RegExp(`^\\| \`${prefix}-(\\d[\\w.-]*|latest)\``, 'gm'))
      ]
      t.equal(rows.get(what)?.tested, inDocument.map(([, version]) => version).join(', '), what)
    }
  })

  t.test('has the versions of drizzle-kit and OpenTelemetry that the tests use', async t => {
    const kits = ['drizzle-kit', 'drizzle-kit-1'].map(name => lock[`node_modules/${name}`].version)

    t.equal(rows.get('drizzle-kit')?.tested, kits.join(', '))
    t.match(
      rows.get('`@opentelemetry/api`, which is optional')?.tested,
      lock['node_modules/@opentelemetry/api'].version
    )
  })
})
