import t from 'tap'
import { errorLines, lineOfEvent, statusLines } from '../../src/cli/migration-report.ts'
import { FailedMigration, type MigrationEvent } from '../../src/migrations/migrations.ts'

const rows: [event: MigrationEvent, line: string][] = [
  [{ type: 'waiting', waitedMs: 10_400, holder: 4711 }, 'waiting for another run, backend 4711, for 10 s'],
  [{ type: 'waiting', waitedMs: 0, holder: undefined }, 'waiting for another run, for 0 s'],
  [{ type: 'started', migration: '0001_b' }, 'applying 0001_b'],
  [{ type: 'applied', migration: '0001_b', durationMs: 12.4 }, 'applied 0001_b in 12 ms'],
  [
    { type: 'resumed', migration: '0001_b', line: 3 },
    'going on with 0001_b, where a run was ended, at line 3'
  ],
  [
    { type: 'invalid-index-dropped', migration: '0001_b', index: 'public.i' },
    'dropping the index public.i, which a run that was ended left invalid'
  ],
  [
    { type: 'invalid-index-found', index: 'public.i' },
    'the index public.i is invalid, so nothing reads it and every write keeps it up to date: drop it, or REINDEX INDEX CONCURRENTLY public.i'
  ],
  [{ type: 'notice', message: 'moved 3 rows' }, 'notice: moved 3 rows']
]

t.test('what a run tells', async t => {
  for (const [event, line] of rows) {
    t.test(`of type ${event.type} is a line`, async t => {
      t.equal(lineOfEvent(event), line)
    })
  }
})

t.test('rows that the folder does not know', async t => {
  const report = { applied: ['0000_a'], pending: [], total: 1, unknown: 2, findings: [], invalidIndexes: [] }
  const lastLine = (isAhead: boolean) => `${statusLines({ ...report, isAhead }).at(-1)}`

  t.test('are of a newer release, when they are newer', async t => {
    t.match(lastLine(true), /^the ledger has 2 more .*: the database is ahead/)
  })

  t.test('were deleted or are of another folder, when they are older', async t => {
    t.match(
      lastLine(false),
      /^the ledger has 2 more .*: they are of migrations that were deleted, .*--forget-unknown takes them out; or another/
    )
  })
})

t.test('a failure', async t => {
  t.test('of the link has no SQLSTATE', async t => {
    const error = new FailedMigration({
      migration: '0001_b',
      file: '0001_b.sql',
      line: undefined,
      sqlState: undefined,
      message: 'the connection was lost',
      hint: undefined,
      remains: 'unknown',
      fix: undefined
    })

    t.strictSame(errorLines(error), [
      'migration 0001_b failed: the connection was lost',
      '  0001_b.sql, at COMMIT',
      '  the connection broke at COMMIT; run again, and the ledger tells'
    ])
  })

  t.test('ends with what to do, where that is known', async t => {
    const error = new FailedMigration({
      migration: '0001_b',
      file: '0001_b.sql',
      line: undefined,
      sqlState: '42P07',
      message: 'relation "b" already exists',
      hint: undefined,
      remains: 'rolled-back',
      fix: 'run npx fastify-neon status'
    })

    t.strictSame(errorLines(error).at(-1), '  run npx fastify-neon status')
  })

  t.test('that is no error is printed all the same', async t => {
    t.strictSame(errorLines('nothing'), ['migrations not applied: nothing'])
  })
})
