/**
 * What counts as edited, missing, reordered and late against a base branch that goes on meanwhile.
 */
import t, { type Test } from 'tap'
import { readMigrationFolder } from '../../fastify-neon/src/migrations/files/folder.ts'
import { withFolders } from '../src/branch.ts'
import { compare } from '../src/comparison.ts'
import { atCommit, type Entry, folderOf, foldersAtCommit, writeFolders } from './migrations.ts'

const FIRST = { name: '0000_first', sql: 'create table a ()' }
const SECOND = { name: '0001_second', sql: 'create table b ();\ncreate table c ()' }
const OWN = { name: '0002_own', sql: 'create table d ()', when: 5000 }

async function compared(t: Test, here: Entry[], tip: Entry[], fork: Entry[] = tip) {
  const folder = await readMigrationFolder(folderOf(t, here))
  const { findings, isNew } = compare(folder, { ref: 'main', tip: atCommit(tip), fork: atCommit(fork) })
  return {
    found: findings.map(({ kind, migration }) => `${kind} ${migration}`),
    fresh: folder.journal.filter(isNew).map(({ name }) => name),
    findings
  }
}

t.test('a branch with a migration of its own is fine', async t => {
  const { found, fresh } = await compared(t, [FIRST, SECOND, OWN], [FIRST, SECOND])

  t.strictSame(found, [])
  t.strictSame(fresh, ['0002_own'])
})

t.test('without a base all are new', async t => {
  const folder = await readMigrationFolder(folderOf(t, [FIRST, SECOND]))
  const { findings, isNew } = compare(folder, undefined)

  t.strictSame(findings, [])
  t.ok(folder.journal.every(isNew))
})

t.test('the first migrations of all are fine against a base branch without a folder', async t => {
  const { found, fresh } = await compared(t, [FIRST], [])

  t.strictSame(found, [])
  t.strictSame(fresh, ['0000_first'])
})

t.test('edited', async t => {
  t.test('is what has another text than on the base branch', async t => {
    const { found } = await compared(t, [{ ...FIRST, sql: 'create table z ()' }, SECOND], [FIRST, SECOND])

    t.strictSame(found, ['edited 0000_first'])
  })

  t.test('is not what has other line ends', async t => {
    const windows = { ...SECOND, sql: SECOND.sql.replaceAll('\n', '\r\n') }

    t.strictSame((await compared(t, [FIRST, windows], [FIRST, SECOND])).found, [])
    t.strictSame((await compared(t, [FIRST, SECOND], [FIRST, windows])).found, [])
  })

  t.test('is not what the base branch edited since', async t => {
    const edited = { ...FIRST, sql: 'create table z ()' }

    t.strictSame((await compared(t, [FIRST, SECOND], [edited, SECOND], [FIRST, SECOND])).found, [])
  })

  t.test('is what landed since under the same name, and is another here', async t => {
    const { found } = await compared(t, [FIRST, { ...SECOND, sql: 'select 2' }], [FIRST, SECOND], [FIRST])

    t.strictSame(found, ['edited 0001_second'])
  })

  t.test('is not a file that the base branch has and does not name', async t => {
    const tip = atCommit([FIRST])
    const files = new Map([...tip.files, ['0002_own.sql', 'draft']])
    const folder = await readMigrationFolder(folderOf(t, [FIRST, OWN]))

    t.strictSame(compare(folder, { ref: 'main', tip: { ...tip, files }, fork: tip }).findings, [])
  })
})

t.test('missing', async t => {
  t.test('is what the branch took out', async t => {
    const { found } = await compared(t, [FIRST], [FIRST, SECOND])

    t.strictSame(found, ['missing 0001_second'])
  })

  t.test('is not what landed since', async t => {
    t.strictSame((await compared(t, [FIRST], [FIRST, SECOND], [FIRST])).found, [])
  })

  t.test('is not what the base branch took out since, and that is not new either', async t => {
    const { found, fresh } = await compared(t, [FIRST, SECOND], [FIRST], [FIRST, SECOND])

    t.strictSame(found, [])
    t.strictSame(fresh, [])
  })
})

t.test('reordered', async t => {
  t.test('is what has another time than on the base branch', async t => {
    const { found } = await compared(t, [FIRST, { ...SECOND, when: 1500 }], [FIRST, SECOND])

    t.strictSame(found, ['reordered 0001_second'])
  })

  t.test('is not what the base branch gave another time since', async t => {
    const { found } = await compared(t, [FIRST, SECOND], [FIRST, { ...SECOND, when: 1500 }], [FIRST, SECOND])

    t.strictSame(found, [])
  })
})

t.test('late-merged', async t => {
  t.test('is what is as old as the newest of the base branch, or older', async t => {
    const landed = { name: '0002_landed', when: 5000 }
    const { found, findings } = await compared(
      t,
      [FIRST, SECOND, OWN],
      [FIRST, SECOND, landed],
      [FIRST, SECOND]
    )

    t.strictSame(found, ['late-merged 0002_own'])
    t.match(findings, [
      { message: 'it is older than 0002_landed on main', fix: /^take main into the branch/ }
    ])
    t.strictSame(
      (await compared(t, [FIRST, SECOND, { ...OWN, when: 5001 }], [FIRST, SECOND, landed], [FIRST, SECOND]))
        .found,
      []
    )
  })
})

t.test(
  'a time that db:repair has put right is fine, and one that was right is not to be changed',
  async t => {
    const ahead = Date.now() + 86_400_000
    const wrong = [FIRST, { ...SECOND, when: ahead }]

    t.strictSame((await compared(t, [FIRST, { ...SECOND, when: 4000 }], wrong)).found, [])
    t.strictSame(
      (
        await compared(
          t,
          [
            { ...FIRST, when: 1 },
            { ...SECOND, when: ahead }
          ],
          wrong
        )
      ).found,
      ['reordered 0000_first']
    )
  }
)

t.test('folders of Drizzle 1.0', async t => {
  const first = { name: '20260101000000_first', sql: FIRST.sql }
  const second = { name: '20260101000001_second', sql: SECOND.sql }
  const own = { name: '20260101000002_own', sql: OWN.sql }
  const between = async (t: Test, here: Entry[], tip: Entry[], fork: Entry[]) => {
    const folder = await readMigrationFolder(writeFolders(t, here))
    const branch = { ref: 'main', tip: foldersAtCommit(tip), fork: foldersAtCommit(fork) }
    return compare(folder, branch).findings
  }

  t.test('are compared by their names', async t => {
    t.strictSame(await between(t, [first, second, own], [first, second], [first, second]), [])
    t.match(await between(t, [{ ...first, sql: 'select 1' }, own], [first, second], [first, second]), [
      { kind: 'edited', migration: first.name },
      { kind: 'missing', migration: second.name, message: 'main has it, and this branch has not' }
    ])
    t.match(await between(t, [first, second], [first, own], [first]), [
      {
        kind: 'late-merged',
        message: `it is older than ${own.name} on main, so it is applied out of order wherever that was applied`,
        fix: 'take main into the branch, delete the folder of this migration, and run npx drizzle-kit generate'
      }
    ])
  })

  t.test('that drizzle-kit up has made are those of the base branch', async t => {
    const when = (at: number, entry: Entry) => ({ ...entry, when: Date.UTC(2026, 0, 1, 0, 0, at, 123) })
    const base = atCommit([when(0, FIRST), { ...when(1, SECOND), snapshot: {} }])
    const branch = withFolders({ ref: 'main', tip: base, fork: base })
    const { findings, isNew } = compare(
      await readMigrationFolder(writeFolders(t, [first, second, own])),
      branch
    )

    t.strictSame(findings, [])
    t.strictSame([first, second, own].filter(isNew), [own])
    t.strictSame(
      [...branch.tip.files.keys()],
      [`${first.name}/migration.sql`, `${second.name}/migration.sql`, `${second.name}/snapshot.json`]
    )
    t.strictSame(withFolders(branch), branch)
  })
})
