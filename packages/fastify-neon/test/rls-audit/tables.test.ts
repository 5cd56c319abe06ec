import t, { type Test } from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import type { IsolationOptions } from '../../src/rls-audit/audit.ts'
import { NOTES, POLICY, read } from './audits.ts'

/** As the owner of the database logs in, whom no policy holds for, but the warning of that. */
async function foundAfter(t: Test, statements: string, options?: IsolationOptions) {
  const url = await createDatabase(t)
  await administer(statements, url)
  const { findings } = await read(url, options)
  return findings
    .filter(({ code }) => code !== 'login-bypass')
    .map(({ code, object, message }) => `${code} ${object}: ${message}`)
}

interface Row {
  title: string
  sql: string
  options?: IsolationOptions
  found: string[]
}

const rows: Row[] = [
  { title: 'nothing in what the migrations make', sql: '', found: [] },
  {
    title: 'a new table that forgets all of it',
    sql: 'create table notes (id int)',
    found: [
      'no-owner-column public.notes: there is no column owner',
      'no-rls public.notes: row level security is not enabled',
      'no-force public.notes: row level security is not forced'
    ]
  },
  {
    title: 'a table without row level security',
    sql: 'alter table tasks disable row level security',
    found: ['no-rls public.tasks: row level security is not enabled']
  },
  {
    title: 'a table without FORCE',
    sql: 'alter table tasks no force row level security',
    found: ['no-force public.tasks: row level security is not forced']
  },
  {
    title: 'a table without an index of the owner, one of some rows or behind another column included',
    sql: `alter table idempotency_keys drop constraint idempotency_keys_owner_key_pk;
          create index on idempotency_keys (owner) where status = 200; create index on idempotency_keys (key, owner);
          create index on idempotency_keys ((lower(owner)))`,
    found: ['no-owner-index public.idempotency_keys: no index begins with owner']
  },
  ...(['select', 'insert', 'update', 'delete'] as const).map(command => ({
    title: `a policy missing for ${command}`,
    sql: `drop policy tasks_owner_${command} on tasks`,
    found: [`no-policy public.tasks: none lets app_user ${command.toUpperCase()}`]
  })),
  {
    title: 'policies that are of somebody else, restrict, or have no expression',
    sql: `${NOTES}; grant select on notes to app_user; create policy a on notes to app_janitor using (owner = 'a');
          create policy b on notes as restrictive using (owner = 'b'); create policy c on notes to app_user`,
    found: ['no-policy public.notes: none lets app_user SELECT']
  },
  {
    title: 'no policy missing where one is for all commands, or for everybody',
    sql: `${NOTES}; grant select, insert, update (id), delete on notes to app_user;
          create policy a on notes using (owner = (select app.user_id()))`,
    found: []
  },
  {
    title: 'a policy USING (true)',
    sql: 'create policy everybody on tasks for select to app_user using (true)',
    found: ['open-policy everybody on public.tasks: an expression of it is true']
  },
  {
    title: 'a policy WITH CHECK (true), also when it is for PUBLIC',
    sql: "create policy everybody on tasks using (owner = 'a') with check (true)",
    found: ['open-policy everybody on public.tasks: an expression of it is true']
  },
  {
    title: 'no open policy where it restricts, or is of somebody else',
    sql: `create policy a on tasks as restrictive using (true); create policy b on tasks to app_janitor using (true)`,
    found: []
  },
  {
    title: 'a policy that does not look at the owner',
    sql: `create policy done on tasks for select using (done); create policy owners on tasks for select using (title = 'owners')`,
    found: [
      'policy-without-owner done on public.tasks: an expression of it does not name owner',
      'policy-without-owner owners on public.tasks: an expression of it does not name owner'
    ]
  },
  {
    title: 'privileges that policies do not hold for, on a column too',
    sql: 'grant truncate, trigger, references (id) on tasks to app_user',
    found: ['excess-privilege public.tasks: app_user has TRUNCATE, REFERENCES, TRIGGER']
  },
  {
    title: 'the right to give a row to somebody else',
    sql: 'grant update (owner) on tasks to app_user',
    found: ['owner-update public.tasks: app_user may UPDATE owner']
  },
  {
    title: 'the right to make tables, also as everybody has it before Postgres 15',
    sql: 'grant create on schema public to public',
    found: ['schema-create public: app_user may CREATE in it']
  },
  {
    title: 'a schema that is not there',
    sql: '',
    options: { schemas: ['public', 'pubic'] },
    found: ['schema-missing pubic: there is no such schema']
  },
  {
    title: 'a view that the role may read, in any schema',
    sql: 'create view app.v as select * from tasks; grant select on app.v to app_user',
    found: ['view-as-owner app.v: it has no security_invoker = true']
  },
  {
    title: 'a view that the role may only write through',
    sql: 'create view v with (security_invoker = off) as select * from tasks; grant delete on v to app_user',
    found: ['view-as-owner public.v: it has no security_invoker = true']
  },
  {
    title: 'no view with security_invoker',
    sql: 'create view v with (security_invoker) as select * from tasks; grant select on v to app_user',
    found: []
  },
  {
    title: 'a materialized view that the role may read',
    sql: 'create materialized view v as select * from tasks; grant select (title) on v to app_user',
    found: ['materialized-view public.v: its rows are a copy without policies']
  },
  {
    title: 'a view that the role may not read, by its schema or by itself',
    sql: `create view v as select * from tasks; create schema other;
          create materialized view other.v as select * from tasks; grant select on other.v to app_user`,
    found: [
      'hidden-view other.v: its rows are a copy without policies',
      'hidden-view public.v: it has no security_invoker = true'
    ]
  },
  {
    title: 'a definer function without a search_path, which everybody may execute',
    sql: "create function f(a int) returns int language sql security definer as 'select 1'",
    found: ['definer-search-path public.f(a integer): it is SECURITY DEFINER without a search_path']
  },
  {
    title: 'a definer function that the role may not execute',
    sql: `create procedure f() language sql security definer set work_mem = '1MB' as 'select 1'; revoke execute on procedure f from public`,
    found: ['hidden-definer public.f(): it is SECURITY DEFINER without a search_path']
  },
  {
    title: 'no function with a search_path, of its caller, or of an extension',
    sql: `create function f() returns int language sql security definer set search_path = '' as 'select 1';
          create function g() returns int language sql as 'select 1'; create extension citext;
          create function h() returns int language sql security definer as 'select 1'; alter extension citext add function h();
          create view v as select 1; alter extension citext add view v;
          create table c (); alter extension citext add table c`,
    found: []
  },
  {
    title: 'a unique key without the owner, an INCLUDEd one not counted',
    sql: 'create unique index by_title on tasks (title) include (owner)',
    found: ['key-without-owner public.tasks: by_title is unique without owner']
  },
  {
    title: 'a foreign key without the owner, and not one that carries it',
    sql: `${NOTES}; create unique index by_id on tasks (id); alter table notes
            add constraint loose foreign key (task) references tasks (id),
            add constraint tight foreign key (owner, task) references tasks (owner, id)`,
    found: [
      'reference-without-owner public.notes: loose refers to public.tasks without owner on both sides',
      'key-without-owner public.tasks: by_id is unique without owner'
    ]
  },
  {
    title: 'a foreign key with the owner across, but not one to a shared table',
    sql: `${NOTES}; create table countries (id uuid primary key, owner text unique);
          alter table notes add constraint country foreign key (task) references countries (id);
          create unique index crossed on tasks (id, owner);
          alter table notes add column other uuid, add column whom text, add constraint across
            foreign key (other, whom) references tasks (id, owner)`,
    options: { shared: ['countries'] },
    found: ['reference-without-owner public.notes: across refers to public.tasks without owner on both sides']
  },
  {
    title: 'nothing in tables and views that are named as shared',
    sql: `create table countries (id int); create table years (id int);
          create view v as select 1; grant select on v to app_user`,
    options: { shared: ['countries', 'public.years', 'v'] },
    found: []
  },
  {
    title: 'a shared table of another schema',
    sql: 'create table countries (owner text primary key)',
    options: { shared: ['app.countries'] },
    found: [
      'no-rls public.countries: row level security is not enabled',
      'no-force public.countries: row level security is not forced'
    ]
  },
  {
    title: 'tables with an owner column of another name, in another schema',
    sql: `create schema crm; grant usage on schema crm to app_user; create table crm.notes ("Tenant (a)" text primary key, owner text);
          alter table crm.notes enable row level security; alter table crm.notes force row level security;
          grant select on crm.notes to app_user;
          create policy a on crm.notes for select using ("Tenant (a)" = (select app.user_id()));
          create policy b on crm.notes for select using (owner = (select app.user_id()))`,
    options: { schemas: ['crm'], ownerColumn: 'Tenant (a)' },
    found: ['policy-without-owner b on crm.notes: an expression of it does not name Tenant (a)']
  },
  {
    title: 'nothing in partitions that are reached through their parent alone',
    sql: `create table notes (owner text primary key) partition by hash (owner); ${POLICY};
          create table notes_0 partition of notes for values with (modulus 1, remainder 0);
          grant select on notes to app_user; create policy a on notes using (owner = (select app.user_id()))`,
    found: []
  },
  {
    title: 'a partition that the role may read by itself',
    sql: `create table notes (owner text primary key) partition by hash (owner); ${POLICY};
          create table notes_0 partition of notes for values with (modulus 1, remainder 0);
          grant select on notes_0 to app_user`,
    found: [
      'no-rls public.notes_0: row level security is not enabled',
      'no-force public.notes_0: row level security is not forced',
      'no-policy public.notes_0: none lets app_user SELECT'
    ]
  },
  {
    title: 'nothing in the partitions of a shared table',
    sql: `create table notes (id int) partition by hash (id);
          create table notes_0 partition of notes for values with (modulus 1, remainder 0);
          grant select on notes_0 to app_user`,
    options: { shared: ['notes'] },
    found: []
  }
]

t.test('the audit of tables, views and functions finds', async t => {
  for (const { title, sql, options, found } of rows) {
    t.test(title, async t => {
      t.strictSame(await foundAfter(t, sql, options), found)
    })
  }

  t.test('an index that was not built to its end to be none', async t => {
    const url = await createDatabase(t)
    await administer(
      `${NOTES}; alter table notes drop constraint notes_pkey;
      insert into notes (owner, id) values ('a', 1), ('a', 1)`,
      url
    )
    await t.rejects(administer('create unique index concurrently by_owner on notes (owner)', url), {
      code: '23505'
    })

    const { findings, tables } = await read(url)

    t.match(findings, [{ code: 'login-bypass' }, { code: 'no-owner-index', object: 'public.notes' }])
    t.match(
      tables.find(({ name }) => name === 'public.notes'),
      { hasOwnerIndex: false }
    )
  })
})
