import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { verifyConnectionUrl } from '../../src/neon/connection-url.ts'
import { applyMigrations, type MigrationOptions } from '../../src/neon/migrations.ts'
import { administer, createDatabase } from '../postgres.ts'
import { ROOT } from '../processes.ts'
import { AUTHENTICATED, scriptedServer } from './scripted-server.ts'

function apply(url: string, folder: string, options: Partial<MigrationOptions> = {}) {
  const { connection } = verifyConnectionUrl(url)
  if (!connection) throw new Error('no valid URL')
  return applyMigrations({ url: connection, folder, ...options })
}

/** The project's own migrations, with one more that was generated at `when`. */
function folderWith(t: Test, extra?: { tag: string; when: number; sql: string }): string {
  const folder = t.testdir({})
  cpSync(join(ROOT, 'drizzle'), folder, { recursive: true })
  if (extra) {
    const file = join(folder, 'meta', '_journal.json')
    const journal = JSON.parse(readFileSync(file, 'utf8'))
    journal.entries.push({ idx: 2, version: '7', when: extra.when, tag: extra.tag, breakpoints: true })
    writeFileSync(file, JSON.stringify(journal))
    writeFileSync(join(folder, `${extra.tag}.sql`), extra.sql)
  }
  return folder
}

t.test('migrations', async t => {
  t.test('are named when they are applied', async t => {
    const url = await createDatabase(t)
    const folder = folderWith(t, { tag: '0002_more', when: Date.now(), sql: 'create table more ()' })

    t.strictSame(await apply(url, folder), { applied: ['0002_more'], total: 3 })
    t.strictSame(await apply(url, folder), { applied: [], total: 3 })
  })

  t.test('are not called applied when drizzle leaves one out for ever', async t => {
    const url = await createDatabase(t)
    const folder = folderWith(t, { tag: '0001_late', when: 1000, sql: 'create table late ()' })

    await t.rejects(apply(url, folder), { code: 'FST_NEON_MIGRATION_SKIPPED', message: /0001_late/ })
  })

  t.test('are refused behind a pooler', async t => {
    const url = 'postgresql://me:local@ep-x-pooler.us-east-2.aws.neon.tech/neondb?sslmode=require'

    await t.rejects(apply(url, folderWith(t)), { code: 'FST_NEON_POOLED_HOST' })
  })

  t.test('wait no longer than they may for another run', async t => {
    const url = await createDatabase(t)
    // What a run that goes on holds; the owner's session ends with the statement, so it holds it itself.
    const holder = administer('select pg_advisory_lock(7166341970), pg_sleep(30)', url)
    holder.catch(() => {})
    const waiting = "select 1 from pg_locks where locktype = 'advisory' and granted"
    while ((await administer(waiting, url)).length === 0);

    await t.rejects(apply(url, folderWith(t), { lockTimeoutMs: 50 }), { code: '55P03' })
  })

  t.test('wait for no answer that does not come', async t => {
    const server = await scriptedServer(t, (socket, count) => {
      if (count === 1) socket.send(Buffer.from(AUTHENTICATED))
    })

    await t.rejects(apply(server.url, folderWith(t), { lockTimeoutMs: 10, answerTimeoutMs: 10 }), {
      code: 'FST_NEON_STATEMENT_TIMEOUT'
    })
  })
})
