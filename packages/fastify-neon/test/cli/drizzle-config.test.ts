/**
 * What the commands of migrations have from the configuration of drizzle-kit in the project.
 */
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ROOT } from '../../../../test/support/processes.ts'
import { temporaryPath } from '../../../../test/support/temporary-folder.ts'
import { configured } from '../../src/cli/drizzle-config.ts'
import { captured } from './captured.ts'

/** Prints what it is asked for, in place of doing it. */
const run = captured(
  configured(async (args, { env, print }) => {
    print(JSON.stringify({ args, env }))
    return 0
  })
)

const OUT = "{ dialect: 'postgresql', out: './sql' }"
const JSON_OUT = '{ "dialect": "postgresql", "out": "./sql" }'
const FROM_OUT = ['--ledger', 'drizzle.__drizzle_migrations', '--folder', './sql']
// What Node.js itself does not read.
const ENUM = `enum Folder { Sql = './sql' }\nexport default { dialect: 'postgresql', out: Folder.Sql }`

function inFolder(t: Test, files: Record<string, string>) {
  moveTo(t, t.testdir(files))
}

function moveTo(t: Test, folder: string) {
  const before = process.cwd()
  process.chdir(folder)
  t.teardown(() => process.chdir(before))
}

/** Outside of this project, so that nothing of it is found. */
async function elsewhere(t: Test): Promise<string> {
  const folder = await realpath(await mkdtemp(temporaryPath('drizzle-config')))
  t.teardown(() => rm(folder, { recursive: true }))
  return folder
}

t.test('the configuration of drizzle-kit', async t => {
  const FILES = {
    'drizzle.config.ts': `const folder: string = './sql'\nexport default { dialect: 'postgresql', out: folder }`,
    'drizzle.config.js': `module.exports = ${OUT}`,
    'drizzle.config.mjs': `export default ${OUT}`,
    'drizzle.config.cjs': `exports.__esModule = true\nexports.default = ${OUT}`,
    'drizzle.config.json': JSON_OUT
  }
  for (const [name, text] of Object.entries(FILES))
    t.test(`is ${name} where the command is started`, async t => {
      inFolder(t, { [name]: text, 'package.json': '{}' })

      const { code, text: said } = await run({}, '--dry-run')

      t.equal(code, 0)
      t.strictSame(JSON.parse(said), { args: [...FROM_OUT, '--dry-run'], env: {} })
    })

  t.test('is another file for --config', async t => {
    inFolder(t, { 'drizzle.config.json': '{}', 'other.json': JSON_OUT })

    t.match(JSON.parse((await run({}, '--config', 'other.json')).text).args, FROM_OUT)
    t.match(JSON.parse((await run({}, '--config=other.json')).text).args, FROM_OUT)
  })

  t.test('names the ledger and the database', async t => {
    const url = 'postgresql://me:word@127.0.0.1/neondb'
    const migrations = { table: 'steps', schema: 'own' }
    inFolder(t, { 'drizzle.config.json': JSON.stringify({ migrations, dbCredentials: { url } }) })

    t.strictSame(JSON.parse((await run({})).text), {
      args: ['--ledger', 'own.steps'],
      env: { DATABASE_URL: url }
    })
  })

  t.test('gives way to the variables, and to flags, which stand behind it', async t => {
    const dbCredentials = { url: 'postgresql://me:word@127.0.0.1/neondb' }
    inFolder(t, { 'drizzle.config.json': JSON.stringify({ dbCredentials }) })

    for (const variable of ['DATABASE_URL', 'DATABASE_URL_UNPOOLED'])
      t.strictSame(JSON.parse((await run({ [variable]: 'x' }, '--folder', 'f')).text), {
        args: ['--ledger', 'drizzle.__drizzle_migrations', '--folder', 'f'],
        env: { [variable]: 'x' }
      })
  })

  t.test('need not be there', async t => {
    inFolder(t, {})

    t.strictSame(JSON.parse((await run({}, '--json')).text), { args: ['--json'], env: {} })
  })

  t.test('is not read where flags say it all, or for the usage', async t => {
    inFolder(t, { 'drizzle.config.js': "throw new Error('was read')" })

    t.match(await run({}, '--folder', 'f', '--ledger', 'a.b'), { code: 0 })
    t.match(await run({}, '--help'), { code: 0 })
  })

  t.test('that throws is told with what to do, and without a password', async t => {
    inFolder(t, {
      'drizzle.config.js': "throw new Error('no postgresql://me:s3cr3t-word@ep-x.neon.tech/db')"
    })

    const { code, text } = await run({})

    t.equal(code, 1)
    t.match(text, /^drizzle\.config\.js cannot be read: no postgresql.*\n {2}Install what it imports/)
    t.notMatch(text, 's3cr3t-word')
    t.match(JSON.parse((await run({}, '--json')).text), {
      error: /^drizzle\.config\.js cannot be read/,
      exitCode: 1
    })
  })

  t.test('that is not there or is for another database is a usage error', async t => {
    inFolder(t, { 'drizzle.config.json': '{ "dialect": "mysql" }' })

    t.strictSame(await run({}), {
      code: 2,
      text: 'drizzle.config.json has no configuration of drizzle-kit for the dialect postgresql\n'
    })
    t.strictSame(await run({}, '--config', 'none.ts'), { code: 2, text: 'there is no none.ts\n' })
  })

  t.test('in TypeScript that Node.js does not read', async t => {
    t.test('is read by the tsx of the project', async t => {
      inFolder(t, { 'drizzle.config.ts': ENUM })

      t.strictSame(JSON.parse((await run({})).text).args, FROM_OUT)
    })

    t.test('is read by the tsx of drizzle-kit', async t => {
      const folder = await elsewhere(t)
      const kit = join(folder, 'node_modules/drizzle-kit')
      await mkdir(join(kit, 'node_modules'), { recursive: true })
      await writeFile(join(kit, 'package.json'), '{ "main": "index.js" }')
      await writeFile(join(kit, 'index.js'), '')
      await symlink(join(ROOT, 'node_modules/tsx'), join(kit, 'node_modules/tsx'))
      await writeFile(join(folder, 'drizzle.config.ts'), ENUM)
      moveTo(t, folder)

      t.strictSame(JSON.parse((await run({})).text).args, FROM_OUT)
    })

    t.test('cannot be read without any', async t => {
      const folder = await elsewhere(t)
      await writeFile(join(folder, 'drizzle.config.ts'), ENUM)
      moveTo(t, folder)

      t.match(await run({}), {
        code: 1,
        text: /cannot be read: [\s\S]*tsx, for TypeScript before Node\.js 22\.18/
      })
    })
  })
})
