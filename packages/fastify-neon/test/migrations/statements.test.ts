import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import {
  canRunInTransaction,
  isConcurrent,
  mayCommit,
  parseStatements,
  StatementSyntaxError
} from '../../src/migrations/files/statements.ts'

const BREAKPOINT = '--> statement-breakpoint'

const TRANSACTION_ROWS: [sql: string, canRun: boolean, isConcurrent: boolean][] = [
  ['create index a_idx on a (x)', true, false],
  ['create index concurrently a_idx on a (x)', false, true],
  ['drop index a_idx', true, false],
  ['drop index concurrently a_idx', false, true],
  ['drop table a', true, false],
  ['reindex table a', true, false],
  ['reindex index a_idx', true, false],
  ['reindex schema public', false, false],
  ['reindex (verbose) index a_idx', true, false],
  ['reindex table concurrently a', false, true],
  ['reindex (concurrently) table a', false, true],
  ['reindex (concurrently false) table a', true, false],
  ['reindex (concurrently 0) table a', true, false],
  ['reindex (concurrently 1) table a', false, true],
  ['alter table a detach partition b', true, false],
  ['alter table a detach partition b concurrently', false, true],
  ['alter table a detach partition b finalize', true, false],
  ['alter table a add column x int', true, false],
  ['alter table a drop column x', true, false],
  ['vacuum a', false, false],
  ['analyze a', true, false],
  ['cluster', false, false],
  ['cluster a', true, false],
  ['create database d', false, false],
  ['drop database d', false, false],
  ["alter system set work_mem = '1MB'", false, false],
  ["create subscription s connection 'x' publication p", false, false],
  ['drop subscription s', false, false],
  ["create tablespace t location '/x'", false, false],
  ['drop tablespace t', false, false],
  ["alter type e add value 'x'", true, false],
  ['call p()', true, false],
  ['do $$ begin insert into a values (1); commit; end $$', false, false],
  ['do $$ begin loop rollback and chain; end loop; end $$', false, false],
  [
    `do $$ begin -- commit;
    raise notice 'commit;'; create temp table b () on commit drop; end $$`,
    true,
    false
  ],
  ['do $$ <<x>> begin commit; end $$', false, false],
  ["do $$ begin raise notice '--'; commit; end $$", false, false],
  ["do $$ begin raise notice e'\\'; commit;'; raise notice 'it''s; commit;'; end $$", true, false],
  ['do $$ begin perform $t$; commit; $t$, ";commit;" from a; end $$', true, false],
  ["do $$ begin execute 'select 1'; end $$", true, false],
  ['do $$ begin call p(); end $$', true, false],
  ['do $$ begin insert into a values (1); end $$ language plpgsql', true, false],
  ['reindex table partitioned', true, false],
  ['alter subscription s refresh publication', false, false],
  ['alter subscription s set publication p', true, false],
  ['alter database d set tablespace x', false, false],
  ['alter database d connection limit 3', true, false],
  ['insert into a values (1)', true, false]
]

/** Whose first word is none, or belongs to a part that may be left out. */
const SHAPES = [
  '(select 1) union (select 2)',
  '((select 1)) limit 1',
  'with a as (select 1) insert into b select * from a',
  'values (1)',
  'table a',
  'explain (analyze) select 1',
  "select 'ü', '😀'"
]

const BETWEEN = [
  ' ',
  '\t',
  '\n',
  '\r\n',
  '-- one; 😀\n',
  '--\n',
  '/* one;\n two */',
  '/* an /* inner */ one\n */',
  '\r'
]

t.test('the statements of a migration', async t => {
  t.test('are what Postgres takes for statements, each with the line of its first word', async t => {
    const text = `-- Grüße
create table a (x text default ';');
${BREAKPOINT}

/* more
   of it */ create function f() returns int language sql as $$ select 1; $$;  -- behind
select 'ü'; select
  2
${BREAKPOINT}
-- and nothing
`
    const statements = await parseStatements(text)

    t.strictSame(
      statements.map(({ sql, line }) => [line, sql]),
      [
        [2, "create table a (x text default ';')"],
        [6, 'create function f() returns int language sql as $$ select 1; $$'],
        [7, "select 'ü'"],
        [7, 'select\n  2']
      ]
    )
    t.strictSame(
      statements.map(({ node }) => Object.keys(node)),
      [['CreateStmt'], ['CreateFunctionStmt'], ['SelectStmt'], ['SelectStmt']]
    )
  })

  t.test('are none in a text of comments', async t => {
    t.strictSame(await parseStatements('-- Custom SQL migration file, put your code below! --\n'), [])
    t.strictSame(await parseStatements(''), [])
    t.strictSame(await parseStatements(';\n;'), [])
  })

  t.test('may stand in a comment that spans breakpoints, as drizzle-kit pull writes them', async t => {
    const pulled = `-- introspected\n/*\ncreate table a ();\n${BREAKPOINT}\ncreate table b ();\n*/`

    t.strictSame(await parseStatements(pulled), [])
    t.strictSame(
      (await parseStatements(`${pulled}\nselect 1 -- one${BREAKPOINT}\n${BREAKPOINT}\nselect 2`)).map(
        ({ sql, line }) => [line, sql]
      ),
      [
        [7, 'select 1 -- one'],
        [9, 'select 2']
      ]
    )
  })

  t.test(
    'are sent as they stand in the file, with a breakpoint inside of a literal, body, name or comment',
    async t => {
      const texts = [
        `select 'a${BREAKPOINT}b', 2`,
        `create function f() returns text language sql as $$ select 'ü'; ${BREAKPOINT}\n$$`,
        `create index concurrently "i${BREAKPOINT}" on a (x)`,
        `select 1 /* ${BREAKPOINT} */ + 1`
      ]
      const statements = await parseStatements(texts.join(`${BREAKPOINT}\n`))

      t.strictSame(
        statements.map(({ sql }) => sql),
        texts
      )
      t.match(statements, [
        {},
        {},
        { line: 4, node: { IndexStmt: { idxname: `i${BREAKPOINT}` } } },
        { line: 5 }
      ])
    }
  )

  t.test('begin at their first word, whatever stands between them', async t => {
    const written = fc.record({
      before: fc.array(fc.constantFrom(...BETWEEN), { maxLength: 3 }).map(parts => parts.join('')),
      sql: fc.constantFrom(...SHAPES, ...TRANSACTION_ROWS.map(([sql]) => sql)),
      end: fc.constantFrom(';', ' ;\r\n', `\n${BREAKPOINT}\n`, `;${BREAKPOINT}`)
    })

    await t.resolves(
      fc.assert(
        fc.asyncProperty(fc.array(written, { minLength: 1, maxLength: 6 }), async parts => {
          let text = ''
          const expected = parts.map(({ before, sql, end }) => {
            text += before
            const line = text.split('\n').length
            text += sql + end
            return [line, sql]
          })

          const statements = await parseStatements(text)
          return isDeepStrictEqual(
            statements.map(({ sql, line }) => [line, sql]),
            expected
          )
        })
      )
    )
  })

  t.test('may come behind a byte order mark, and have the line ends of Windows', async t => {
    const statements = await parseStatements('\uFEFF-- one\r\nselect 1;\r\n\r\nselect\r\n2;\r\n')

    t.strictSame(
      statements.map(({ sql, line }) => [line, sql]),
      [
        [2, 'select 1'],
        [4, 'select\r\n2']
      ]
    )
  })

  t.test('that Postgres could not read are an error with the line', async t => {
    const text = `select 1;\n${BREAKPOINT}\n-- Grüße\ncreate table a (\n  x int,\n`

    await t.rejects(parseStatements(text), new StatementSyntaxError('syntax error at end of input', 6))
    await t.rejects(
      parseStatements(`select '${'😀'.repeat(9)}';\n\n\nselekt 1;\n\n\n`),
      new StatementSyntaxError('syntax error at or near "selekt"', 4)
    )
  })
})

t.test('a transaction', async t => {
  // Those that can be in one, and that Postgres may refuse there all the same.
  const DOUBTFUL = /^(?:call|cluster|reindex|alter subscription)\b|^do [\s\S]*(?:commit|call)/
  for (const [sql, canRun, concurrent] of TRANSACTION_ROWS) {
    t.test(`${canRun ? 'takes' : 'does not take'} ${sql}`, async t => {
      const [statement] = await parseStatements(sql)
      if (!statement) throw new Error('no statement')

      t.equal(canRunInTransaction(statement), canRun)
      t.equal(isConcurrent(statement), concurrent)
      t.equal(mayCommit(statement), !canRun || DOUBTFUL.test(sql))
    })
  }
})
