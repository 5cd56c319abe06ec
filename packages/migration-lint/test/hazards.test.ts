/**
 * Every hazard is found where it is, and not beside.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { examine } from '../src/examination.ts'
import { HAZARDS, type HazardName } from '../src/hazards.ts'
import { migration } from './migrations.ts'

const TYPES: Record<string, string> = {
  'public.t.short': 'varchar(20)',
  'public.t.endless': 'character varying',
  'public.t.words': 'text',
  'public.t.price': 'numeric(5, 2)',
  'public.t.whole': 'numeric(5)',
  'public.t.any': 'numeric',
  'public.t.count': 'integer'
}

async function hazardsIn(sql: string, ...before: string[]) {
  const migrations = await Promise.all(
    [...before, sql].map((text, index) => migration(`000${index}_x`, text))
  )
  return examine({
    migrations,
    isNew: ({ name }) => name === `000${before.length}_x`,
    typeBefore: (_, table, column) => TYPES[`${table}.${column}`]
  }).map(({ hazard }) => hazard)
}

const alter = (...commands: string[]) => commands.map(command => `alter table t ${command}`)
const OUTSIDE = '-- fastify-neon:no-transaction\n'

/** Each is this hazard, and no other. */
const HAZARDOUS: Record<HazardName, string[]> = {
  'drop-table': ['drop table t', 'drop table if exists a.t cascade', 'drop foreign table t'],
  'drop-column': alter('drop column c', 'drop if exists c cascade'),
  'drop-view': [
    'drop view v',
    'drop materialized view v; create materialized view v as select 1',
    'drop view v, w; create view v as select 1',
    `${OUTSIDE}drop view v; create view v as select 1`
  ],
  'drop-schema': ['drop schema s', 'drop schema s cascade', 'create schema s; drop schema s, t'],
  'drop-database': ['drop database d'],
  'drop-owned': ['drop owned by r'],
  'drop-cascade': ['drop type e cascade', 'drop function f(int) cascade', 'drop extension x cascade'],
  truncate: ['truncate t', 'create table u (); truncate t, u'],
  'delete-all-rows': [
    'delete from t',
    'delete from t where true',
    'with gone as (delete from t returning *) insert into u select * from gone',
    'with gone as (delete from t returning *) select * from gone',
    'prepare p as delete from t',
    'explain analyze delete from t'
  ],
  'update-all-rows': ['update t set a = 1', 'update t set a = b.a from b where true'],
  'unseen-code': ['do $$ begin drop table t; end $$', 'call p()'],
  'rename-table': [
    'alter table t rename to u',
    'alter view t rename to u',
    'alter materialized view t rename to u'
  ],
  'rename-column': ['alter table t rename column a to b', 'alter view t rename column a to b'],
  'rename-schema': ['alter schema s rename to t'],
  'rename-type': ['alter type e rename to f', 'alter domain e rename to f'],
  'rename-enum-value': ["alter type e rename value 'a' to 'b'"],
  'set-schema': ['alter table t set schema s', 'alter type e set schema s'],
  'create-index': ['create index i on t (a)', 'create unique index if not exists i on s.t (a)'],
  'drop-index': ['drop index i', 'drop index if exists s.i'],
  reindex: [
    'reindex table t',
    'reindex index i',
    `${OUTSIDE}reindex schema s`,
    `${OUTSIDE}reindex (verbose) database d`
  ],
  'refresh-view': ['refresh materialized view v'],
  'rewrite-table': alter('set logged', 'set unlogged', 'set tablespace s', 'set access method heap'),
  'detach-partition': alter('detach partition p'),
  'lock-table': ['lock table t in share mode', 'lock table t, u'],
  'vacuum-full': [
    'vacuum full t',
    'vacuum (full) t',
    'vacuum (full true)',
    'vacuum (full on)',
    'vacuum (full 1) t'
  ],
  cluster: ['cluster t using i', 'cluster'],
  'work-under-lock': [
    ...alter(
      'add column a int; update t set a = 1 where b = 2',
      'add column a int; delete from u where b = 2',
      'add constraint c check (a > 0) not valid, validate constraint c',
      'add constraint c check (a > 0) not valid; alter table t validate constraint c'
    ),
    'alter table t add column a int; create table u (a int); insert into u select a from t',
    'alter table t add column a int; create table u (a int); update u set a = 1 where a = 2',
    'alter table t add column a int; merge into u using t on true when matched then delete'
  ],
  'set-not-null': alter('alter column a set not null', 'add constraint c not null a'),
  'column-type': alter(
    'alter column unknown type varchar(30)',
    'alter column short type varchar(10)',
    'alter column short type varchar(30)[]',
    'alter column short type varchar(30) using upper(short)',
    'alter column short type int',
    'alter column words type varchar(9)',
    'alter column words type geometry(point)',
    'alter column endless type varchar(9)',
    'alter column price type numeric(9, 3)',
    'alter column price type numeric(4, 2)',
    'alter column price type text',
    'alter column "any" type numeric(9, 2)',
    'alter column whole type numeric(9, 2)',
    'alter column count type bigint'
  ),
  'add-column-not-null': alter('add column a int not null'),
  'volatile-default': alter(
    'add column a uuid default gen_random_uuid()',
    'add column a text default lower(random()::text)',
    'add column a int default own_function()',
    'add column a serial',
    'add column a bigserial not null',
    'add column a int generated always as identity',
    "add column a int not null default nextval('s')"
  ),
  'stored-generated-column': alter(
    'add column a int generated always as (b + 1) stored',
    'alter column a set expression as (b + 2)'
  ),
  'foreign-key': alter(
    'add constraint c foreign key (a) references u (a)',
    'add column a int default 3 references u',
    'alter constraint c enforced'
  ),
  'check-constraint': alter('add constraint c check (a > 0)', 'add column a int check (a > 0)'),
  'unique-constraint': alter('add constraint c unique (a)', 'add column a int unique'),
  'primary-key': alter('add primary key (a)', 'add column a int primary key default 3'),
  'exclusion-constraint': alter('add constraint c exclude using gist (a with &&)'),
  'domain-constraint': ['alter domain d add constraint c check (value > 0)', 'alter domain d set not null']
}

/** They look like it, and are no hazard at all. */
const HARMLESS: Record<HazardName, string[]> = {
  'drop-table': [
    'create table t (); drop table t',
    'drop trigger a on t',
    'create temp table t (); drop table t'
  ],
  'drop-column': [
    'create table t (a int); alter table t drop column a',
    ...alter('alter column a drop default')
  ],
  'drop-view': ['drop view v; create view v as select 1', 'create view v as select 1; drop view v'],
  'drop-schema': ['create schema s; drop schema s'],
  'drop-database': ['comment on database d is $$drop database d$$'],
  'drop-owned': ['reassign owned by r to s'],
  'drop-cascade': ["create type e as enum ('a'); drop type e cascade", 'drop type e', 'drop function f(int)'],
  truncate: ['create table t (); truncate t', 'create table t as select 1; truncate t'],
  'delete-all-rows': ['delete from t where a = 1', 'create table t (); delete from t'],
  'update-all-rows': [
    'update t set a = 1 where b',
    "update t set a = 1 where 'f'",
    'create function f() returns void begin atomic update t set a = 1; end',
    'create rule r as on delete to t do instead update t set a = 1'
  ],
  'unseen-code': ["create procedure p() language sql as 'drop table t'"],
  'rename-table': [
    'alter index i rename to j',
    'create table t (); alter table t rename to u; drop table u',
    'alter sequence s rename to r'
  ],
  'rename-column': alter('rename constraint a to b'),
  'rename-schema': ['alter schema s owner to r'],
  'rename-type': ['create domain d as int; alter domain d rename to e'],
  'rename-enum-value': ["alter type e add value 'b'"],
  'set-schema': ['create table t (); alter table t set schema s'],
  'create-index': [
    `${OUTSIDE}create index concurrently i on t (a)`,
    'create table t (a int); create index i on t (a)',
    'create materialized view t as select 1 as a; create index i on public.t (a)'
  ],
  'drop-index': [
    `${OUTSIDE}drop index concurrently i`,
    'create table t (a int); create index i on t (a); drop index i',
    'create table s.t (a int); create index i on s.t (a); drop index s.i'
  ],
  reindex: [`${OUTSIDE}reindex index concurrently i`, 'create table t (); reindex table t'],
  'refresh-view': ['refresh materialized view concurrently v'],
  'rewrite-table': alter('set (fillfactor = 70)'),
  'detach-partition': [`${OUTSIDE}alter table t detach partition p concurrently`],
  'lock-table': ['create table t (); lock table t'],
  'vacuum-full': [
    `${OUTSIDE}vacuum t`,
    `${OUTSIDE}vacuum (full false) t`,
    `${OUTSIDE}vacuum (full off) t`,
    `${OUTSIDE}vacuum (full 0) t`,
    'analyze t'
  ],
  cluster: alter('cluster on i'),
  'work-under-lock': [
    'update t set a = 1 where b = 2; alter table t add column c int',
    ...alter(
      'add column a int; insert into u values (1)',
      'add column a int; insert into u default values',
      'alter column a set statistics 5; update t set a = 1 where b = 2',
      'validate constraint c; update t set a = 1 where b = 2'
    ),
    `${OUTSIDE}alter table t add column a int; update t set a = 1 where b = 2`,
    'create table u (); alter table u add column a int; update t set a = 1 where b = 2'
  ],
  'set-not-null': alter('alter column a drop not null', 'add constraint c not null a not valid'),
  'column-type': alter(
    'alter column short type varchar(20)',
    'alter column short type varchar(21)',
    'alter column short type varchar',
    'alter column short type text',
    'alter column endless type text',
    'alter column words type varchar',
    'alter column price type numeric(6, 2)',
    'alter column price type numeric',
    'alter column whole type numeric(6)',
    'alter column whole type numeric(6, 0)'
  ),
  'add-column-not-null': alter('add column a int', 'add column a int not null default 3'),
  'volatile-default': alter(
    'add column a timestamptz default now()',
    'add column a timestamptz default current_timestamp',
    "add column a timestamp default (now() at time zone 'utc')",
    "add column a text default 'random()'"
  ),
  'stored-generated-column': alter('add column a int generated always as (b + 1) virtual'),
  'foreign-key': alter(
    'add constraint c foreign key (a) references u (a) not valid',
    'add constraint c foreign key (a) references u (a) not enforced',
    'add column a int references u',
    'alter constraint c not enforced'
  ),
  'check-constraint': alter('add constraint c check (a > 0) not valid'),
  'unique-constraint': alter('add constraint c unique using index i'),
  'primary-key': alter('add constraint c primary key using index i'),
  'exclusion-constraint': ['create table t (a int4range); alter table t add exclude using gist (a with &&)'],
  'domain-constraint': [
    'alter domain d add constraint c check (value > 0) not valid',
    'alter domain d validate constraint c',
    'alter domain d drop not null',
    'create domain d as int; alter domain d set not null'
  ]
}

for (const name of Object.keys(HAZARDS).filter(name => name in HAZARDOUS) as HazardName[]) {
  t.test(name, async t => {
    for (const sql of HAZARDOUS[name])
      t.test(`is ${sql.replace(OUTSIDE, 'outside a transaction: ')}`, async t => {
        t.strictSame(new Set(await hazardsIn(sql)), new Set([name]))
      })

    for (const sql of HARMLESS[name])
      t.test(`is not ${sql.replace(OUTSIDE, 'outside a transaction: ')}`, async t => {
        t.strictSame(await hazardsIn(sql), [])
      })
  })
}

t.test('hazards', async t => {
  t.test('have each an example and a near miss', async t => {
    for (const name of Object.keys(HAZARDS)) {
      t.ok(HAZARDOUS[name as HazardName].length > 0, name)
      t.ok(HARMLESS[name as HazardName].length > 0, name)
    }
  })

  t.test('are all found in one statement', async t => {
    const [sql = ''] = alter('drop column a, alter column b set not null, add column c int not null unique')

    t.strictSame(await hazardsIn(sql), [
      'drop-column',
      'set-not-null',
      'add-column-not-null',
      'unique-constraint'
    ])
  })

  t.test('are on tables that may have been there before IF NOT EXISTS and OR REPLACE', async t => {
    t.strictSame(await hazardsIn('create table if not exists t (); drop table t'), ['drop-table'])
    t.strictSame(await hazardsIn('create table if not exists t as select 1; drop table t'), ['drop-table'])
    t.strictSame(await hazardsIn('create or replace view v as select 1; alter view v rename to w'), [
      'rename-table'
    ])
    t.strictSame(await hazardsIn('create schema if not exists s; drop schema s'), ['drop-schema'])
    t.strictSame(
      await hazardsIn(`${OUTSIDE}create index concurrently if not exists i on t (a); drop index i`),
      ['drop-index']
    )
  })

  t.test('are on a table of the same name in another schema', async t => {
    t.strictSame(await hazardsIn('create table s.t (); drop table t'), ['drop-table'])
    t.strictSame(await hazardsIn('create table public.t (); drop table t'), [])
    t.strictSame(await hazardsIn('create table "T" (); drop table t'), ['drop-table'])
  })

  t.test('are none of what the migration makes later', async t => {
    t.strictSame(await hazardsIn('drop table t; create table t ()'), ['drop-table'])
  })
})

t.test('SET NOT NULL', async t => {
  const CHECK = 'alter table t add constraint c check (a is not null) not valid'
  const VALIDATE = 'alter table t validate constraint c'
  const SET = 'alter table t alter column a set not null'

  t.test('is no hazard after a valid constraint without NULL', async t => {
    t.strictSame(await hazardsIn(SET, CHECK, VALIDATE), [])
    t.strictSame(await hazardsIn(SET, 'alter table t add constraint c check (a is not null)'), [])
    t.strictSame(await hazardsIn(SET, 'alter table t add constraint c not null a not valid', VALIDATE), [])
  })

  t.test('is one when the constraint is not valid, of another column, of another kind or gone', async t => {
    t.strictSame(await hazardsIn(SET, CHECK), ['set-not-null'])
    t.strictSame(await hazardsIn(SET, CHECK.replace('a is', 'b is'), VALIDATE), ['set-not-null'])
    t.strictSame(await hazardsIn(SET, CHECK.replace('not null', 'null'), VALIDATE), ['set-not-null'])
    t.strictSame(await hazardsIn(SET, CHECK.replace('a is', 'f(a) is'), VALIDATE), ['set-not-null'])
    t.strictSame(
      await hazardsIn(SET, CHECK.replace('add', 'add column d int, add'), VALIDATE.replace('t v', 'u v')),
      ['set-not-null']
    )
    t.strictSame(await hazardsIn(SET, CHECK, VALIDATE, 'alter table t drop constraint c'), ['set-not-null'])
  })
})

t.test('docs/reference/migration-hazards.md has every hazard as the code has it, in order', async t => {
  const text = readFileSync(new URL('../../../docs/reference/migration-hazards.md', import.meta.url), 'utf8')
  const rows = [
    ...text.matchAll(
      /^\| `([a-z-]+)` \| (.*) \| (.*) \| \[[\w-]+\]\(https:\/\/www\.postgresql\.org\/docs\/current\/([\w-]+)\.html\) \|$/gm
    )
  ]

  t.strictSame(
    rows.map(([, ...cells]) => cells),
    Object.entries(HAZARDS).map(([name, { effect, saferWay, page }]) => [name, effect, saferWay, page])
  )
})
