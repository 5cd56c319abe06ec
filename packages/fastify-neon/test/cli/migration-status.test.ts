import t from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { showStatus } from '../../src/cli/status-command.ts'
import {
  apply,
  inBothLayouts,
  makeFolder,
  timeOf,
  type Written,
  withShortNames
} from '../migrations/folders.ts'
import { captured } from './captured.ts'

const shown = captured(showStatus)

async function status(...args: Parameters<typeof shown>) {
  const { code, text } = await shown(...args)
  return { code, text: withShortNames(text) }
}

interface Row {
  title: string
  /** What was applied before. */
  applied?: Written[]
  folder: Written[]
  exitCode: number
  text: RegExp
  /** @default both */
  layout?: 'journal'
}

const A = { name: '0000_a', sql: 'select 1', when: timeOf(0) }
const B = { name: '0001_b', sql: 'select 2', when: timeOf(1) }
const C = { name: '0002_c', sql: 'select 3', when: timeOf(2) }

const rows: Row[] = [
  { title: 'that all are applied', applied: [A], folder: [A], exitCode: 0, text: /^1 of 1 applied\n$/ },
  {
    title: 'what is pending',
    folder: [A],
    exitCode: 21,
    text: /^0 of 1 applied, 1 pending\npending +0000_a: .*\n +run npx fastify-neon migrate/
  },
  {
    title: 'what is late-merged',
    applied: [A, C],
    folder: [A, B, C],
    exitCode: 15,
    text: /late-merged +0001_b: /
  },
  {
    title: 'what was edited',
    applied: [A],
    folder: [{ ...A, sql: 'select 4' }],
    exitCode: 14,
    text: /edited +0000_a: /
  },
  { title: 'what is missing', folder: [{ ...A, sql: undefined }], exitCode: 11, text: /missing +0000_a: / },
  {
    title: 'what is reordered',
    folder: [B, A],
    exitCode: 12,
    text: /reordered +0000_a: /,
    layout: 'journal'
  },
  {
    title: 'what was moved',
    applied: [A],
    folder: [{ ...A, when: timeOf(5) }],
    exitCode: 25,
    text: /restamped +0000_a: /
  },
  {
    title: 'what is future-dated',
    folder: [{ ...A, when: Date.now() + 86_400_000 }],
    exitCode: 13,
    text: /future-dated +0000_a: /
  },
  {
    title: 'what is half-written',
    folder: [{ ...A, sql: 'select 1;\nselect (' }],
    exitCode: 10,
    text: /half-written +0000_a, line 2: /
  },
  {
    title: 'what is misplaced',
    folder: [{ ...A, sql: 'vacuum' }],
    exitCode: 17,
    text: /misplaced +0000_a, line 1: /
  },
  {
    title: 'that the database is ahead',
    applied: [A, B],
    folder: [A],
    exitCode: 0,
    text: /^1 of 1 applied\nthe ledger has 1 more/
  }
]

inBothLayouts(t, (now, t) => {
  t.test('fastify-neon status', async t => {
    for (const { title, applied = [], folder, exitCode, text, layout = now } of rows) {
      if (layout !== now) continue
      t.test(`says ${title}`, async t => {
        const url = await createDatabase(t, { migrated: false })
        if (applied.length > 0) await apply(url, makeFolder(t, applied))
        const given = makeFolder(t, folder)

        t.match(await status({ DATABASE_URL: url }, '--folder', given), { code: exitCode, text })
      })
    }

    t.test('names what a run that was ended has left', async t => {
      const url = await createDatabase(t, { migrated: false })
      const sql = `-- fastify-neon:no-transaction
create table a (x int); insert into a values (1), (1);
create unique index concurrently a_x_idx on a (x)`
      const folder = makeFolder(t, [{ name: '0000_a', sql }])
      await t.rejects(apply(url, folder))

      const { code, text } = await status({ DATABASE_URL: url }, '--folder', folder)

      t.equal(code, 16)
      t.match(text, /interrupted +0000_a: .* after 2 of its statements\n +run npx fastify-neon migrate/)
      t.match(text, /the index public\.a_x_idx is invalid/)
    })

    t.test('names what two runs of drizzle-kit at once have done twice', async t => {
      const url = await createDatabase(t, { migrated: false })
      const folder = makeFolder(t, [A])
      const columns = now === 'folders' ? 'hash, created_at, name' : 'hash, created_at'
      await apply(url, folder)
      await administer(
        `insert into drizzle.__drizzle_migrations (${columns}) select ${columns} from drizzle.__drizzle_migrations`,
        url
      )

      t.match(await status({ DATABASE_URL: url }, '--folder', folder), {
        code: 26,
        text: /doubled +0000_a: the ledger has 2 rows of it/
      })
    })

    t.test('answers in JSON', async t => {
      const url = await createDatabase(t, { migrated: false })
      const folder = makeFolder(t, [A])

      const { code, text } = await status({ DATABASE_URL: url }, '--json', '--folder', folder)

      t.equal(code, 21)
      t.strictSame(JSON.parse(text), {
        applied: [],
        pending: ['0000_a'],
        unknown: 0,
        isAhead: false,
        findings: [{ kind: 'pending', migration: '0000_a', message: 'not applied yet' }],
        invalidIndexes: [],
        total: 1,
        exitCode: 21
      })
    })
  })
})

t.test('fastify-neon status', async t => {
  t.test('that is asked wrongly, or has no database, says so', async t => {
    const url = 'postgresql://me:s3cr3t@127.0.0.1:1/neondb'

    t.match(await status({}, '--none'), { code: 2, text: /npx fastify-neon status \[options]/ })
    t.match(await status({}, '--help'), { code: 0, text: /^npx fastify-neon status/ })
    t.match(await status({ DATABASE_URL: url }), {
      code: 1,
      text: /^nothing listens at 127.0.0.1:1 \(ECONNREFUSED\). Check host/
    })
  })
})
