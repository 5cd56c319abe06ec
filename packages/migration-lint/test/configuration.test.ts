/**
 * Where the lint looks, by drizzle.config.ts and by what was asked instead.
 */
import t, { type Test } from 'tap'
import { readSources } from '../src/configuration.ts'

const FULL = "{ dialect: 'postgresql', schema: ['a.ts', 'b/*.ts'], out: 'migrations', casing: 'snake_case' }"

function inFolder(t: Test, files: Record<string, string>) {
  const before = process.cwd()
  process.chdir(t.testdir(files))
  t.teardown(() => process.chdir(before))
}

t.test('schema and migrations', async t => {
  t.test('are where drizzle.config.ts has them', async t => {
    inFolder(t, { 'drizzle.config.ts': `export default ${FULL}` })

    t.strictSame(await readSources({}), {
      schema: ['a.ts', 'b/*.ts'],
      folder: 'migrations',
      casing: 'snake_case'
    })
  })

  for (const [name, text] of Object.entries({
    'drizzle.config.js': `module.exports = ${FULL}`,
    'drizzle.config.mjs': `export default ${FULL}`,
    'drizzle.config.json': '{ "dialect": "postgresql", "schema": ["a.ts"], "out": "migrations" }'
  }))
    t.test(`are where ${name} has them`, async t => {
      inFolder(t, { [name]: text, 'package.json': '{}' })

      t.match(await readSources({}), { schema: ['a.ts'], folder: 'migrations' })
    })

  t.test('are where they are wanted instead', async t => {
    inFolder(t, { 'other.ts': `export default ${FULL}` })

    t.strictSame(await readSources({ config: 'other.ts', schema: ['c.ts'], folder: 'sql' }), {
      schema: ['c.ts'],
      folder: 'sql',
      casing: 'snake_case'
    })
    t.strictSame(await readSources({ schema: ['c.ts'] }), {
      schema: ['c.ts'],
      folder: './drizzle',
      casing: undefined
    })
  })

  t.test('are in drizzle when the configuration does not say', async t => {
    inFolder(t, { 'drizzle.config.ts': "export default { dialect: 'postgresql', schema: 'a.ts' }" })

    t.strictSame(await readSources({}), { schema: ['a.ts'], folder: './drizzle', casing: undefined })
  })

  t.test('are asked for when nothing says where', async t => {
    inFolder(t, { 'without.ts': "export default { dialect: 'postgresql' }" })

    await t.rejects(readSources({}), {
      name: 'UsageError',
      message: /no drizzle\.config\.ts with it, and no --schema/
    })
    await t.rejects(readSources({ config: 'without.ts' }), {
      name: 'UsageError',
      message: /no without\.ts with it/
    })
    await t.rejects(readSources({ config: 'none.ts' }), {
      name: 'UsageError',
      message: 'there is no none.ts'
    })
  })

  t.test('are not taken from a configuration of another database or shape', async t => {
    inFolder(t, {
      'mysql.ts': "export default { dialect: 'mysql', schema: 'a.ts' }",
      'number.ts': "export default { dialect: 'postgresql', schema: 1 }",
      'named.ts': `export const config = ${FULL}`
    })

    for (const config of ['mysql.ts', 'number.ts', 'named.ts'])
      await t.rejects(readSources({ config }), {
        name: 'UsageError',
        message: new RegExp(`^${config} has no`)
      })
  })
})
