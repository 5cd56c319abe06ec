/**
 * Which layout a folder of migrations has, and what is in it.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readMigrationFiles as readAsDrizzleDoes } from 'drizzle-orm-1/migrator'
import t, { type Test } from 'tap'
import { readFolder } from '../../src/migrations/files/folder.ts'
import { toFolderEntry } from '../../src/migrations/files/layout.ts'

/** With the files at these paths. */
function folderOf(t: Test, ...paths: string[]): string {
  const folder = t.testdir({})
  for (const path of paths) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), path.endsWith('.json') ? '{"entries":[]}' : 'select 1')
  }
  return folder
}

const FIRST = '20260102030405_first/migration.sql'
const SECOND = '20260102030406_second/migration.sql'
const JOURNAL = 'meta/_journal.json'

t.test('a folder of migrations', async t => {
  t.test('is one of Drizzle 1.0 when each has a folder, and is read as Drizzle does', async t => {
    const path = folderOf(t, SECOND, FIRST, '20260102030405_First/migration.sql', 'schema.ts', 'notes/a.txt')
    const { journal, files, findings } = await readFolder(path)
    const drizzles = readAsDrizzleDoes({ migrationsFolder: path })

    t.strictSame(
      files.map(({ name, hash, when }) => ({ name, hash, when })),
      drizzles.map(({ name, hash, folderMillis }) => ({ name, hash, when: folderMillis }))
    )
    t.match(journal.at(-1), {
      name: '20260102030406_second',
      when: Date.UTC(2026, 0, 2, 3, 4, 6),
      hasFolder: true
    })
    t.equal(files.at(-1)?.file, join(path, SECOND))
    t.strictSame(findings, [])
  })

  t.test('may be empty', async t => {
    t.match(await readFolder(folderOf(t)), { journal: [], files: [], findings: [] })
    t.match(await readFolder(folderOf(t, '.gitkeep')), { journal: [], files: [], findings: [] })
  })

  t.test('is refused when drizzle-kit up has stopped on its way, with what to do', async t => {
    const folder = folderOf(t, FIRST, JOURNAL)

    await t.rejects(readFolder(folder), {
      code: 'FST_NEON_MIGRATIONS_MIXED',
      message: new RegExp(
        `20260102030405_first.*git checkout HEAD -- ${folder} and git clean -fd ${folder}, and run`
      )
    })
    rmSync(join(folder, FIRST))
    writeFileSync(join(folder, FIRST, '../snapshot.json'), '{}')
    await t.rejects(readFolder(folder), { code: 'FST_NEON_MIGRATIONS_MIXED' })
  })

  t.test('of Drizzle 0.x may have other folders in it', async t => {
    t.match(await readFolder(folderOf(t, JOURNAL, 'old/migration.sql')), { journal: [] })
  })

  t.test('is refused when it is another folder, or is not there', async t => {
    const code = 'FST_NEON_MIGRATIONS_INVALID'

    await t.rejects(readFolder(folderOf(t, 'a.ts')), { code, message: /no journal .*, and no folder of one/ })
    await t.rejects(readFolder(folderOf(t, '0000_a.sql')), { code })
    await t.rejects(readFolder(folderOf(t, FIRST, 'next/migration.sql')), {
      code,
      message: /named by its time, as 20260101000000_name: .*next$/
    })
    await t.rejects(readFolder(join(t.testdir({}), 'none')), { code, message: /no folder of migrations/ })
  })

  t.test('of Drizzle 1.0 is found to have a folder without SQL, and a file without a folder', async t => {
    const path = folderOf(t, '20260102030405_first/snapshot.json', SECOND, '0002_third.sql')

    t.match((await readFolder(path)).findings, [
      { kind: 'missing', migration: '0002_third', message: /in no folder of its own/ },
      {
        kind: 'missing',
        migration: '20260102030405_first',
        fix: /git checkout HEAD -- \S+_first\/migration\.sql;/
      }
    ])
  })

  t.test(
    'of Drizzle 1.0 is found to have a time that lies ahead, and none that is that of another',
    async t => {
      const { findings } = await readFolder(
        folderOf(t, FIRST, '20260102030405_other/migration.sql', SECOND),
        Date.UTC(2026, 0, 2, 2, 59, 5.5)
      )

      t.match(findings, [
        {
          kind: 'future-dated',
          migration: '20260102030406_second',
          message: 'its time in the name of its folder is 2026-01-02T03:04:06.000Z',
          fix: /rename the folder/
        }
      ])
      t.equal(findings.length, 1)
    }
  )

  t.test('has the names that drizzle-kit up gives', async t => {
    t.strictSame(toFolderEntry({ name: '0002_due_dates', when: Date.UTC(2026, 0, 2, 3, 4, 5, 999) }), {
      name: '20260102030405_due_dates',
      when: Date.UTC(2026, 0, 2, 3, 4, 5),
      hasFolder: true
    })
  })
})
