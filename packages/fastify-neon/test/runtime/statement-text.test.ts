import t from 'tap'
import { hasRowsOnly, isQuery, isSingle, mayPipeline } from '../../src/runtime/statement-text.ts'

type Row = readonly [text: string, answer: boolean]

const MAY_PIPELINE: Row[] = [
  ['select 1', true],
  ['insert into notes values (1)', true],
  ['begin', true],
  ['rollback', true],
  ['select copyright from books', true],
  ['select copy_of from books', true],
  ['copy notes from stdin', false],
  ['COPY notes TO STDOUT', false],
  ['/* in front */ copy notes from stdin', false],
  ['-- in front\ncopy notes from stdin', false],
  ['select 1; copy notes from stdin', false],
  ["select 'copy'", false],
  ['select "copy" from notes', false],
  ['commit', false],
  ['  COMMIT', false],
  ['\ncommit and chain', false],
  ['select committed from notes', true],
  ['committee', true]
]

const IS_SINGLE: Row[] = [
  ['', true],
  ['select 1', true],
  ['select 1;', true],
  ['select 1 ;\n ', true],
  ['select 1;;', false],
  ['select 1; select 2', false],
  ["select ';'", false],
  ['select 1 -- ; ', true],
  ['select 1 -- ; \n; select 2', false]
]

const HAS_ROWS_ONLY: Row[] = [
  ['select 1', true],
  [' \n SELECT 1', true],
  ['with one as (select 1) select * from one', true],
  // It has rows, and where nothing may be written the server refuses it.
  ['with one as (insert into notes values (1) returning *) select * from one', true],
  ['values (1), (2)', true],
  ['table notes', true],
  ['show timezone', true],
  ['explain select 1', true],
  ['select 1; select 2', false],
  ["select 'copy'", false],
  ['selected', false],
  ['insert into notes values (1) returning *', false],
  ['set role someone', false],
  ['begin', false],
  ['commit', false],
  ['/* in front */ select 1', false],
  ['-- in front\nselect 1', false],
  ['(select 1)', false],
  ['', false]
]

const IS_QUERY: Row[] = [
  ['select 1', true],
  ['Select "notes"."id" From "notes" Where ("notes"."id" = $1 and ("notes"."body" in ($2, $3)))', true],
  ['select count(*), COALESCE (max(id), 0) from notes group by (body)', true],
  ['select id from notes where id = any($1) and not (body like lower($2))', true],
  ['select a * (b + c) / (d) from notes', true],
  ['select * from notes left join lateral (select json_build_array("a") as "data") "x" on true', true],
  ['select * from notes order by id limit $1', true],
  ["select 'for ' from notes", true],
  ['select 1 /* at the end (audit) */', true],
  ['select 1 /* at the end audit(1) */', false],
  ['select 1 /* at the end */', true],
  ['select audit(1)', false],
  ['select * into copies from notes', false],
  ['SELECT 1 as n\nINTO copies', false],
  ['select into_account from notes', true],
  ['select nextval($1)', false],
  ['select pg_sleep (1)', false],
  ['select pg_advisory_lock\n(1)', false],
  ['select count(audit(1))', false],
  ['select "count"(1)', false],
  ['select "my count"(1)', false],
  ['select "audit!"(1)', false],
  ['select "(" from notes', false],
  ['select app.count(1)', false],
  ['select app."count"(1)', false],
  ['select app . count(1)', false],
  ['select é(1)', false],
  ['select élan(1)', false],
  ['select audit/* */(1)', false],
  ['select audit /* */ (1)', false],
  ['select audit -- count\n(1)', false],
  ["select 'audit(1)'", false],
  ['select * from notes for update', false],
  ['select * from notes FOR NO KEY UPDATE', false],
  ['select * from notes for share', false],
  ['select * from notes for\n key\tshare', false],
  ["select 'for share'", false],
  ['with one as (select 1) select * from one', false],
  ['with one as (insert into notes values (1) returning *) select * from one', false],
  ['values (1)', false],
  ['table notes', false],
  ['show timezone', false],
  ['explain select 1', false],
  ['select 1; select 2', false],
  ['/* in front */ select 1', false],
  ['insert into notes select 1', false],
  ['', false]
]

const TABLES = [
  ['may be sent behind others', mayPipeline, MAY_PIPELINE],
  ['is a single one', isSingle, IS_SINGLE],
  ['has rows and nothing else', hasRowsOnly, HAS_ROWS_ONLY],
  ['is a query', isQuery, IS_QUERY]
] as const

for (const [title, judge, rows] of TABLES)
  t.test(`whether a statement ${title}`, async t => {
    for (const [text, answer] of rows) t.equal(judge(text), answer, text)
  })

t.test('a large literal is read in no time', async t => {
  const letters = 'a'.repeat(1_000_000)
  const spaces = ' '.repeat(1_000_000)
  // Of the processor, so that nothing beside it counts.
  const before = process.cpuUsage()

  t.equal(isQuery(`select '${letters}'`), true)
  t.equal(isQuery(`select '${letters}(${spaces}('`), false)
  t.equal(isQuery(`select count${spaces}(*)`), true)

  t.ok(process.cpuUsage(before).user < 2_000_000)
})
