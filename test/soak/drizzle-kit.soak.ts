/**
 * drizzle-kit itself, with drizzle.config.ts: a project that uses its commands beside ours, or instead of them, can.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { mark } from '../../packages/fastify-neon/src/cli/mark-applied-command.ts'
import { migrate as runMigrate } from '../../packages/fastify-neon/src/cli/migrate-command.ts'
import { showStatus } from '../../packages/fastify-neon/src/cli/status-command.ts'
import { captured } from '../../packages/fastify-neon/test/cli/captured.ts'
import { administer, createDatabase } from '../support/postgres.ts'
import { ROOT } from '../support/processes.ts'
import { copyProject } from '../support/project-copy.ts'
import { temporaryPath } from '../support/temporary-folder.ts'

const adopt = captured(mark)
const migrate = captured(runMigrate)
const status = captured(showStatus)

const MODULES = join(ROOT, 'node_modules')
const KIT = join(MODULES, 'drizzle-kit/bin.cjs')

/** With nothing of the test's own in it: tap's coverage would have drizzle-kit's way with TypeScript in its sums. */
const environment = (env: Record<string, string>) => ({
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  ...env
})

interface Run {
  code: number
  text: string
}

function kit(cwd: string, args: string[], env: Record<string, string> = {}): Promise<Run> {
  return run(process.execPath, [KIT, ...args], cwd, env)
}

function run(command: string, args: string[], cwd: string, env: Record<string, string>): Promise<Run> {
  return new Promise(resolve => {
    const child = execFile(command, args, { cwd, env: environment(env) }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? 1, text: stdout + stderr })
    })
  })
}

/** As a developer would: a new column. */
function addColumn(folder: string, name: string): void {
  const file = join(folder, 'src/db/schema/tasks.ts')
  const source = readFileSync(file, 'utf8')
  writeFileSync(file, source.replace('    done: ', `    ${name}: text('${name}'),\n    done: `))
}

const columnsOf = async (url: string) =>
  (
    await administer("select column_name from information_schema.columns where table_name = 'tasks'", url)
  ).map(({ column_name }) => column_name)

const sqlIn = (folder: string) => readdirSync(join(folder, 'drizzle')).filter(name => name.endsWith('.sql'))

/** What the next migration is numbered. */
const NEXT = String(sqlIn(ROOT).length).padStart(4, '0')

t.test('drizzle-kit', async t => {
  t.test('generates a migration from a change, finds it in order, and applies it', async t => {
    const folder = copyProject(t)
    const url = await createDatabase(t)
    addColumn(folder, 'place')

    const generated = await kit(folder, ['generate', '--name', 'place'])
    const checked = await kit(folder, ['check'])
    const migrated = await kit(folder, ['migrate'], { DATABASE_URL: url })

    t.match(generated, { code: 0, text: `drizzle/${NEXT}_place.sql` })
    t.equal(
      readFileSync(join(folder, `drizzle/${NEXT}_place.sql`), 'utf8'),
      'ALTER TABLE "tasks" ADD COLUMN "place" text;'
    )
    t.match(checked, { code: 0, text: "Everything's fine" })
    t.match(migrated, { code: 0, text: 'migrations applied successfully' })
    t.ok((await columnsOf(url)).includes('place'))
  })

  t.test('adopts a database of 20 tables that was made by hand, and all agree from then on', async t => {
    const url = await createDatabase(t, { migrated: false })
    const names = Array.from({ length: 20 }, (_, index) => `made_${index}`)
    const tables = names.map(
      (
        name,
        index
      ) => `create table ${name} (id int primary key, title varchar(50) not null default 'x${index}',
          above int constraint ${name}_above_fk references ${name}, unique (title), check (id > 0), unique (id, title));
        create index ${name}_title_idx on ${name} (title);`
    )
    await administer(`create type mood as enum ('calm', 'glad'); ${tables.join('')}`, url)
    await administer('insert into made_0 values (1)', url)
    const folder = t.testdir({
      'drizzle.config.ts': `export default { dialect: 'postgresql', schema: './drizzle/schema.ts', out: './drizzle', dbCredentials: { url: process.env.DATABASE_URL } }`
    })
    const env = { DATABASE_URL: url }
    const at = ['--folder', join(folder, 'drizzle')]
    const ledger = () =>
      administer('select created_at, hash from drizzle.__drizzle_migrations order by id', url)

    t.match(await kit(folder, ['pull'], env), { code: 0 })
    t.match(await status(env, ...at), { code: 24, text: /unrecorded +0000_/ })
    t.match(await adopt(env, '--baseline', '--dry-run', ...at), { code: 0, text: /1 would be marked/ })
    t.match(await adopt(env, '--baseline', ...at), { code: 0, text: /^0000_.*: 183 of 183 compared/ })
    t.match(await adopt(env, '--baseline', ...at), { code: 0, text: 'nothing is pending' })

    const [name = ''] = readdirSync(at[1] ?? '').filter(file => file.endsWith('.sql'))
    const baseline = join(at[1] ?? '', name)
    writeFileSync(baseline, readFileSync(baseline, 'utf8').replaceAll(/^(?:\/\*|\*\/)$/gm, ''))
    t.match(await status(env, ...at), { code: 14, text: /edited +0000_/ })
    t.match(await adopt(env, name.replace('.sql', ''), ...at), { code: 0, text: /1 marked as applied/ })

    t.match(await status(env, ...at), { code: 0, text: /^1 of 1 applied\n$/ })
    t.match(await kit(folder, ['generate'], env), { code: 0, text: 'No schema changes' })
    t.match(await kit(folder, ['migrate'], env), { code: 0 })
    t.equal((await ledger()).length, 1)

    const schema = join(folder, 'drizzle/schema.ts')
    writeFileSync(
      schema,
      readFileSync(schema, 'utf8').replace('id: integer()', 'extra: integer(), id: integer()')
    )
    t.match(await kit(folder, ['generate', '--name', 'extra'], env), { code: 0, text: '0001_extra.sql' })
    t.match(await migrate(env, ...at), { code: 0, text: /applied 0001_extra/ })
    t.match(await status(env, ...at), { code: 0 })
    const rows = await ledger()
    t.match(await kit(folder, ['migrate'], env), { code: 0 })
    t.strictSame(await ledger(), rows)
    t.strictSame(await administer('select id from made_0', url), [{ id: 1 }])
  })

  t.test('migrates the database of DATABASE_URL_UNPOOLED, by pg, a development dependency here', async t => {
    const folder = copyProject(t)
    const url = await createDatabase(t, { migrated: false })

    const { code, text } = await kit(folder, ['migrate'], {
      DATABASE_URL: 'postgresql://nobody:x@127.0.0.1:1/none',
      DATABASE_URL_UNPOOLED: url
    })

    t.equal(code, 0)
    t.match(text, "Using 'pg' driver")
    t.ok((await columnsOf(url)).includes('done'))
  })

  t.test('takes the driver of Neon without pg, and fails without a word where there is no Neon', async t => {
    // Elsewhere, and with a copy of drizzle-kit, which looks for drivers from where it lies.
    const folder = copyProject(t, mkdtempSync(temporaryPath('drizzle-kit')))
    t.teardown(() => rmSync(folder, { recursive: true }))
    cpSync(join(MODULES, 'drizzle-kit'), join(folder, 'node_modules/drizzle-kit'), { recursive: true })
    for (const name of readdirSync(MODULES)) {
      if (!['pg', 'drizzle-kit', '.bin', '.cache'].includes(name)) {
        symlinkSync(join(MODULES, name), join(folder, 'node_modules', name))
      }
    }

    const { code, text } = await run(
      process.execPath,
      ['node_modules/drizzle-kit/bin.cjs', 'migrate'],
      folder,
      { DATABASE_URL: await createDatabase(t) }
    )

    t.equal(code, 1)
    t.match(text, "Using '@neondatabase/serverless' driver")
    t.notMatch(text, /error/i)
  })

  t.test('has a studio on this machine alone, which is gone when it is ended', async t => {
    const url = await createDatabase(t)
    const port = await freePort()
    const { end, said } = start(t, copyProject(t), ['studio', '--port', `${port}`], { DATABASE_URL: url })

    const text = await said(/up and running on .*/)
    const about = await ask(port, { type: 'init' })
    const rows = await ask(port, {
      type: 'proxy',
      data: { sql: 'select current_database()', params: [], mode: 'array', method: 'all' }
    })
    const elsewhere = await refused(port, '127.0.0.2')
    await end()

    // The page is not served from here: it comes from the network, and asks this port.
    t.match(text, `https://local.drizzle.studio?port=${port}`)
    t.match(about, { dialect: 'postgresql', packageName: 'pg' })
    t.strictSame(rows, [[new URL(url).pathname.slice(1)]])
    t.ok(elsewhere)
    t.ok(await refused(port, '127.0.0.1'))
  })
})

/** A command that goes on until it is ended. */
function start(t: Test, cwd: string, args: string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [KIT, ...args], { cwd, env: environment(env) })
  const ended = once(child, 'close')
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      text += chunk
    })
  }
  t.teardown(end)
  return { end, said }

  async function end() {
    child.kill('SIGKILL')
    await ended
  }

  async function said(pattern: RegExp): Promise<string> {
    while (!pattern.test(text)) {
      if (child.exitCode !== null) throw new Error(`ended without saying ${pattern}:\n${text}`)
      await Promise.race([once(child.stdout, 'data'), ended])
    }
    return text
  }
}

/** One that was free a moment ago, since drizzle-kit does not say which it took when it is told 0. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function ask(port: number, body: unknown): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify(body)
  })
  return response.json()
}

/** At 127.0.0.2 some systems have nothing, and say nothing. */
async function refused(port: number, host: string): Promise<boolean> {
  return fetch(`http://${host}:${port}/`, { signal: AbortSignal.timeout(1000) }).then(
    () => false,
    () => true
  )
}
