/**
 * The texts that random sequences are made of: right ones and wrong ones, on the tables of `sides.ts`.
 */

/** Replaced by one of the session's own, since a NOTIFY is heard in the whole database. */
export const CHANNEL = '{channel}'

export const TRANSACTION = [
  'begin',
  'begin',
  'begin',
  'start transaction read only',
  'begin isolation level serializable',
  'commit',
  'commit',
  'end',
  'rollback',
  'abort',
  'commit and chain',
  'rollback and chain',
  'savepoint a',
  'savepoint b',
  'rollback to a',
  'rollback to savepoint b',
  'release a',
  'set constraints all deferred',
  'set constraints all immediate',
  "prepare transaction 'x'"
]

export const RIGHT = [
  'select 1 as one',
  'select 1 as a, 2 as a, 3 as "?column?"',
  "select 'it''s \"quoted\" \\ and žluťoučký 🐘' as text, null as nothing, true as yes, 1.50 as amount",
  "select '{1,2,null}'::int[] as list, '{\"a\":[1]}'::jsonb as body, '\\x00ff'::bytea as bytes",
  "select timestamptz '2024-02-29 12:00:00+02' as moment, date '2024-02-29' as day, interval '1 day 2 hours' as span",
  'select 9007199254740993 as big, float8 \'NaN\' as nan, 1::smallint as small, 1::"char" as letter',
  'select 1 as none where false',
  'select',
  'select * from items order by id',
  'select * from parents order by id',
  "values (1, 'x'), (2, 'y')",
  'select count(*) from items',
  'select generate_series(1, 1000) as n',
  "select repeat('x', 100000) as large",
  "select n, repeat('žx', 2000) as large from generate_series(1, 40) n",
  'select pg_sleep(0.002)',
  "insert into parents values (10, 'ten') on conflict do nothing",
  "insert into items (label) values ('new') on conflict do nothing returning *",
  "insert into items (label, amount) values ('several 1', 1), ('several 2', 2) on conflict do nothing",
  'update items set amount = amount + 1',
  'update items set amount = amount + 1 where id = 1 returning id, amount',
  'with changed as (update items set amount = 9 returning id, amount) select * from changed order by id',
  'update items set amount = 0 where false returning id',
  'delete from items where id = 3',
  "with gone as (delete from items where id = 2 returning *) insert into parents select 100 + id, 'gone' from gone on conflict do nothing returning *",
  'select * from shapes',
  'delete from shapes',
  'create temp table scratch (a int)',
  'create temp table scratch_of_transaction (a int) on commit drop',
  'insert into scratch values (1), (2)',
  'drop table if exists nothing_of_this_name',
  'explain (costs off) select 1'
]

export const WRONG = [
  'selec 1',
  'select 1 +',
  "select 'without an end",
  'select 1 / 0',
  'select 1 / (3 - n) as quotient from generate_series(1, 5) n',
  'select 10 / (900 - n) as quotient from generate_series(1, 1000) n',
  'select * from missing',
  'select missing from items',
  'select missing(1)',
  "select 'x'::int",
  "insert into parents values (1, 'again')",
  "insert into items (label) values ('first')",
  'insert into items (label) values (null)',
  "insert into items (label, amount) values ('negative', -1)",
  "insert into items (label, parent_id) values ('orphan', 999)",
  'select $1',
  'discard all',
  'drop table parents',
  "do $$ begin raise exception 'raised %', 1 using errcode = 'ZX001', detail = 'the detail', hint = 'the hint'; end $$"
]

export const SESSION = [
  "set app.flavour = 'sweet'",
  "set local app.flavour = 'sour'",
  // Not null in a session that does not know it: what timed out before it was sent, or after, makes it known to one side.
  "select coalesce(current_setting('app.flavour', true), '') as flavour",
  "select set_config('app.flavour', 'bitter', true)",
  "set timezone = 'Asia/Kathmandu'",
  "set local bytea_output = 'escape'",
  'show timezone',
  'show bytea_output',
  'set client_min_messages = warning',
  'reset all',
  'set datestyle = german',
  'show no_setting_of_this_name',
  `listen ${CHANNEL}`,
  `listen ${CHANNEL}`,
  `notify ${CHANNEL}`,
  `notify ${CHANNEL}, 'payload'`,
  `select pg_notify('${CHANNEL}', n::text) from generate_series(1, 3) n`,
  `unlisten ${CHANNEL}`,
  "do $$ begin raise notice 'noticed %', 1; raise warning 'warned'; end $$",
  "do $$ begin raise notice 'one'; perform 1 / 0; end $$",
  'select noticing(n) from generate_series(1, 3) n',
  'declare place cursor for select generate_series(1, 10) as n',
  'declare held cursor with hold for select generate_series(1, 10) as n',
  'fetch 3 from place',
  'fetch 3 from held',
  'close held',
  'prepare by_text as select 1 as prepared',
  'execute by_text',
  'deallocate by_text',
  'deallocate all',
  'copy parents from stdin',
  'copy missing from stdin',
  'copy (select * from parents order by id) to stdout',
  'copy parents to stdout',
  'alter table shapes alter a type text',
  'alter table shapes alter a type bigint using a::bigint'
]

export const EMPTY = ['', ' ', ';', ';;', '-- a comment', '/* a comment */;']

/** With the name that each is prepared under, so that a name comes again, with the same text and with another. */
export const NAMED = [
  'select 1 as one',
  'select 2 as two',
  'select * from shapes',
  'select * from items order by id',
  'select noticing(5)',
  'selec 1',
  'select * from missing',
  'select 1 / 0',
  "select coalesce(current_setting('app.flavour', true), '')",
  "insert into items (label) values ('named') returning id",
  'begin',
  'commit',
  'rollback'
]

/** With one parameter. */
export const NAMED_WITH_VALUE = [
  'select $1::text as v',
  'select $1::int as v',
  'insert into parents values ($1, $1) returning *',
  'update items set label = $1 where id = 1 returning label',
  'select label from items where id = $1'
]
