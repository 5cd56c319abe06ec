import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readMigrationFiles as readAsDrizzleDoes } from 'drizzle-orm/migrator'
import t from 'tap'
import { readJournal, readMigrationFiles, readMigrationFolder } from '../../src/migrations/files/folder.ts'
import { makeFolder, timeOf, type Written } from './folders.ts'

const filesIn = async (folder: string) => readMigrationFiles(folder, await readJournal(folder))

t.test('a folder of migrations', async t => {
  t.test('has the hashes and times that drizzle has', async t => {
    const folder = makeFolder(t, [
      { name: '0000_a', sql: 'create table a ();\n--> statement-breakpoint\ncreate table b ()' },
      { name: '0001_ü', sql: "select 'ü'\r\n" }
    ])
    const drizzles = readAsDrizzleDoes({ migrationsFolder: folder })

    t.match(
      await filesIn(folder),
      drizzles.map(({ hash, folderMillis }) => ({ hash, when: folderMillis }))
    )
  })

  t.test('takes line ends for what they are', async t => {
    const unix = makeFolder(t, [{ name: '0000_a', sql: 'select\n1\n' }])
    const [ofUnix] = await filesIn(unix)
    writeFileSync(join(unix, '0000_a.sql'), 'select\r\n1\r\n')
    const [ofWindows] = await filesIn(unix)

    t.not(ofUnix?.hash, ofWindows?.hash)
    t.ok(ofWindows?.hashes.has(`${ofUnix?.hash}`))
    t.ok(ofUnix?.hashes.has(`${ofWindows?.hash}`))
  })

  t.test('is read without what the journal names and is not there', async t => {
    const folder = makeFolder(t, [{ name: '0000_a' }, { name: '0001_b', sql: 'select 1' }])

    t.match(await filesIn(folder), [{ name: '0001_b' }])
  })

  const rows: { title: string; migrations: Written[]; found: object[] }[] = [
    { title: 'nothing', migrations: [{ name: '0000_a', sql: 'select 1' }], found: [] },
    {
      title: 'a file that is not there',
      migrations: [{ name: '0000_a' }],
      found: [{ kind: 'missing', migration: '0000_a', message: /no such file/ }]
    },
    {
      title: 'a time that is that of the one before',
      migrations: [
        { name: '0000_a', sql: 'select 1' },
        { name: '0001_b', sql: 'select 2', when: timeOf(0) }
      ],
      found: [{ kind: 'reordered', migration: '0001_b', message: /0000_a/ }]
    },
    {
      title: 'a time that lies ahead',
      migrations: [{ name: '0000_a', sql: 'select 1', when: timeOf(100) }],
      found: [{ kind: 'future-dated', migration: '0000_a', message: /2026-01-01T01:40:00.000Z/ }]
    },
    {
      title: 'a custom file that nobody has written',
      migrations: [{ name: '0000_a', sql: '-- Custom SQL migration file, put your code below! --\n' }],
      found: [{ kind: 'half-written', migration: '0000_a', message: /--custom/ }]
    },
    {
      title: 'nothing in a file of comments',
      migrations: [{ name: '0000_a', sql: '-- the schema says nothing new\n' }],
      found: []
    },
    {
      title: 'a file that ends in the middle',
      migrations: [{ name: '0000_a', sql: 'select 1;\ncreate table a (' }],
      found: [{ kind: 'half-written', migration: '0000_a', line: 2, message: /syntax error/, fix: undefined }]
    },
    {
      title: 'a statement that takes no transaction',
      migrations: [{ name: '0000_a', sql: 'select 1;\ncreate index concurrently i on a (x)' }],
      found: [
        {
          kind: 'misplaced',
          migration: '0000_a',
          line: 2,
          message: /outside a transaction/,
          fix: /no-transaction at the top of .*0000_a\.sql$/
        }
      ]
    },
    {
      title: 'nothing in a statement that takes no transaction, where there is none',
      migrations: [
        { name: '0000_a', sql: '-- fastify-neon:no-transaction\ncreate index concurrently i on a (x)' }
      ],
      found: []
    },
    {
      title: 'an index without a name, which an interrupted run would not find',
      migrations: [
        { name: '0000_a', sql: '-- fastify-neon:no-transaction\ncreate index concurrently on a (x)' }
      ],
      found: [{ kind: 'misplaced', line: 2, message: /name/ }]
    },
    {
      title: 'a COMMIT',
      migrations: [{ name: '0000_a', sql: '-- fastify-neon:no-transaction\nCOMMIT' }],
      found: [{ kind: 'misplaced', line: 2, message: /neither begins nor ends/, fix: 'take line 2 out' }]
    },
    {
      title: 'a BEGIN where a transaction is',
      migrations: [{ name: '0000_a', sql: 'BEGIN' }],
      found: [{ kind: 'misplaced', line: 1, fix: /^take line 1 out; .*no-transaction/ }]
    },
    {
      title: 'a SET LOCAL where each statement stands alone',
      migrations: [
        { name: '0000_a', sql: "-- fastify-neon:no-transaction\nset local statement_timeout = '1h'" }
      ],
      found: [{ kind: 'misplaced', line: 2, fix: /^write SET in place of SET LOCAL on line 2 of / }]
    },
    {
      title: 'nothing in a SET or RESET where each statement stands alone',
      migrations: [
        {
          name: '0000_a',
          sql: "-- fastify-neon:no-transaction\nset statement_timeout = '1h'; reset all; set session characteristics as transaction read write"
        }
      ],
      found: []
    },
    {
      title: 'what ends with its transaction where each statement has its own',
      migrations: [
        {
          name: '0000_a',
          sql: '-- fastify-neon:no-transaction\nset constraints all deferred;\nlock table a;\nset transaction read only'
        }
      ],
      found: [2, 3, 4].map(line => ({
        kind: 'misplaced',
        line,
        fix: /^take line \d out, or write it in a DO/
      }))
    },
    {
      title: 'nothing in a SET LOCAL where there is a transaction',
      migrations: [{ name: '0000_a', sql: "set local statement_timeout = '1h'; lock table a" }],
      found: []
    },
    {
      title: 'a DISCARD ALL, which would let go of the lock',
      migrations: [{ name: '0000_a', sql: '-- fastify-neon:no-transaction\ndiscard plans;\ndiscard all' }],
      found: [{ kind: 'misplaced', line: 3, fix: /^take line 3 out/ }]
    },
    {
      title: 'a DO that commits',
      migrations: [{ name: '0000_a', sql: 'do $$ begin commit; end $$' }],
      found: [{ kind: 'misplaced', line: 1, fix: /no-transaction/ }]
    }
  ]
  for (const { title, migrations, found } of rows) {
    t.test(`is found to have ${title}`, async t => {
      const { findings } = await readMigrationFolder(makeFolder(t, migrations), timeOf(90))

      t.match(findings, found)
      t.equal(findings.length, found.length)
    })
  }

  const FOR_PSQL: [sql: string, line: number][] = [
    ['\\restrict abc\nselect 1', 1],
    ['select 1;\n  \\i other.sql', 2],
    ['select 1 \\gexec', 1],
    ['COPY public.a (x)\n  FROM stdin;\n1\tx\n\\.\n', 3],
    ['select 1;\ncopy a from stdin', 2]
  ]
  for (const [sql, line] of FOR_PSQL)
    t.test(`is found to have what only psql takes: ${JSON.stringify(sql)}`, async t => {
      const { findings } = await readMigrationFolder(makeFolder(t, [{ name: '0000_a', sql }]))

      t.match(findings, [
        { kind: 'half-written', line, fix: /the commands of psql and the data of COPY are not SQL.* INSERT/ }
      ])
      t.equal(findings.length, 1)
    })

  const UNREADABLE: [title: string, bytes: Buffer, line: number][] = [
    ['a NUL between statements', Buffer.from('create table b ();\n\0\ncreate table c ();'), 2],
    ['nothing but zero bytes', Buffer.alloc(9), 1],
    ['UTF-16 with a byte order mark', Buffer.from('\uFEFFselect 1;', 'utf16le'), 1],
    ['UTF-16 without one', Buffer.from('select 1;', 'utf16le'), 1],
    ['Latin-1', Buffer.from("select 1;\n-- ok\nselect 'Grüße';\nselect 2", 'latin1'), 3]
  ]
  for (const [title, bytes, line] of UNREADABLE)
    t.test(`is found to have a file of ${title}, which is not parsed`, async t => {
      const folder = makeFolder(t, [{ name: '0000_a', sql: '' }])
      writeFileSync(join(folder, '0000_a.sql'), bytes)

      const { migrations, findings } = await readMigrationFolder(folder)

      t.match(findings, [
        { kind: 'half-written', migration: '0000_a', line, fix: /^save .*0000_a\.sql as UTF-8/ }
      ])
      t.equal(findings.length, 1)
      t.match(migrations, [{ statements: [] }])
    })

  t.test('may have U+FFFD and a byte order mark in it, which are UTF-8', async t => {
    const folder = makeFolder(t, [{ name: '0000_a', sql: "\uFEFFselect '\uFFFD'" }])

    t.strictSame((await readMigrationFolder(folder)).findings, [])
  })

  t.test('is found to have a file that the journal does not name', async t => {
    const folder = makeFolder(t, [{ name: '0000_a', sql: 'select 1' }])
    writeFileSync(join(folder, '0001_b.sql'), 'select 2')

    t.match((await readMigrationFolder(folder)).findings, [{ kind: 'missing', migration: '0001_b' }])
  })

  t.test('with a journal that is none is refused', async t => {
    const folder = makeFolder(t, [])
    const journals = [
      '{',
      '[]',
      '{"entries":{}}',
      '{"entries":[1]}',
      '{"entries":[{"tag":1,"when":1}]}',
      '{"entries":[{"tag":"../x","when":1}]}',
      '{"entries":[{"tag":"x","when":"1"}]}',
      '{"entries":[{"tag":"x","when":1.5}]}',
      '{"entries":[{"tag":"x","when":-1}]}'
    ]

    for (const journal of journals) {
      writeFileSync(join(folder, 'meta', '_journal.json'), journal)
      await t.rejects(readMigrationFolder(folder), { code: 'FST_NEON_MIGRATIONS_INVALID' })
    }
  })
})
