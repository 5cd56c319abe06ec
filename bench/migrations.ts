/**
 * `npm --prefix bench run migrations`: how fast a file of migrations is read, by the number of its statements, and how
 * long db:status takes for a long history. The last line is JSON.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseStatements } from '../packages/fastify-neon/src/migrations/files/statements.ts'
import { applyMigrations } from '../packages/fastify-neon/src/migrations/migrations.ts'
import { startLocalNeon } from '../packages/local-neon/src/local-neon.ts'

const COUNTS = [1000, 10_000, 50_000]
const BREAKPOINT = '--> statement-breakpoint\n'
const FOLDER = { migrations: 300, bytes: 5_000_000 }
const ROUNDS = 5
const START = Date.UTC(2026, 0, 1)

const statement = (index: number) =>
  `INSERT INTO "t" ("a", "b") VALUES (${index}, 'a text that is about as long as one in a migration of data');\n`

const parsed = []
// The parser is loaded with the first one.
await parseStatements('SELECT 1')
for (const count of COUNTS)
  for (const separator of ['', BREAKPOINT]) {
    const text = Array.from({ length: count }, (_, index) => statement(index)).join(separator)
    const startedAt = performance.now()
    const { length } = await parseStatements(text)
    const seconds = (performance.now() - startedAt) / 1000
    parsed.push({ statements: length, breakpoints: separator !== '', seconds, perSecond: length / seconds })
  }
print('statements  breakpoints  seconds  statements/s')
for (const { statements, breakpoints, seconds, perSecond } of parsed)
  print(
    `${pad(statements, 10)}  ${pad(breakpoints ? 'yes' : 'no', 11)}  ${pad(seconds.toFixed(2), 7)}  ${pad(Math.round(perSecond), 12)}`
  )

const folder = await mkdtemp(join(tmpdir(), 'fastify-neon-bench-'))
const neon = await startLocalNeon({ directory: join(folder, 'neon'), port: 0 })
const status = []
try {
  const path = join(folder, 'drizzle')
  await writeFolder(path)
  status.push({ pending: FOLDER.migrations, seconds: await timeStatus(path) })
  await applyMigrations({ url: neon.url, folder: path })
  status.push({ pending: 0, seconds: await timeStatus(path) })
} finally {
  await neon.close()
  await rm(folder, { recursive: true, force: true })
}
print(`\ndb:status of ${FOLDER.migrations} migrations, ${FOLDER.bytes / 1e6} MB; median of ${ROUNDS}`)
for (const { pending, seconds } of status) print(`${pad(pending, 7)} pending  ${seconds.toFixed(2)} s`)
print(`\n${JSON.stringify({ parsed, status })}`)

async function writeFolder(path: string) {
  await mkdir(join(path, 'meta'), { recursive: true })
  const entries = []
  const lines = Math.floor(FOLDER.bytes / FOLDER.migrations / statement(0).length)
  for (let index = 0; index < FOLDER.migrations; index += 1) {
    const tag = `${String(index).padStart(4, '0')}_step`
    const first = index === 0 ? 'CREATE TABLE "t" ("a" integer, "b" text);\n' : ''
    const rows = Array.from({ length: lines }, (_, line) => statement(line)).join('')
    await writeFile(join(path, `${tag}.sql`), `${first}${rows}`)
    entries.push({ idx: index, version: '7', when: START + index, tag, breakpoints: true })
  }
  const journal = { version: '7', dialect: 'postgresql', entries }
  await writeFile(join(path, 'meta', '_journal.json'), JSON.stringify(journal))
}

/** The command as a process, as `npm run db:status` starts it. */
async function timeStatus(path: string): Promise<number> {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const args = [
    '--import',
    './typescript-loader.mjs',
    'packages/fastify-neon/src/cli/main.ts',
    'status',
    '--folder',
    path
  ]
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now()
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { DATABASE_URL: neon.url },
      stdio: 'ignore'
    })
    await once(child, 'close')
    times.push((performance.now() - startedAt) / 1000)
  }
  return times.sort((one, other) => one - other)[Math.floor(ROUNDS / 2)] ?? 0
}

function pad(value: string | number, width: number): string {
  return String(value).padStart(width)
}

function print(line: string) {
  process.stdout.write(`${line}\n`)
}
