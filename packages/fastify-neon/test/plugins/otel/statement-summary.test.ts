import t from 'tap'
import { createSummaries, withoutLiterals } from '../../../src/plugins/otel/statement-summary.ts'

const SUMMARIES: [statement: string, summary: string][] = [
  ['select "id", "title" from "tasks" where "tasks"."owner" = $1', 'SELECT tasks'],
  [
    'insert into "tasks" ("id") values (default) on conflict do update set a = 1 returning "id"',
    'INSERT tasks'
  ],
  ['update only tasks set title = $1', 'UPDATE tasks'],
  ['DELETE FROM "app"."tasks" USING users WHERE true', 'DELETE app.tasks users'],
  ['select * from tasks for no key update of tasks', 'SELECT tasks'],
  ['select 1 from a join b on a.id = b.id left join lateral (select * from c) x on true', 'SELECT a b c'],
  [
    'with old as (select id from tasks), x (n) as materialized (select 1) delete from old using x',
    'WITH tasks'
  ],
  ['select extract(year from at), a is distinct from b from tasks', 'SELECT tasks'],
  ['select * from unnest($1::int[]) as n', 'SELECT'],
  ['/* from hidden */ select 1 -- from hidden\n', 'SELECT'],
  ["select 'from secret', e'it\\'s from secret', $a$ from secret $a$, $$from secret$$", 'SELECT'],
  ['COMMIT', 'COMMIT'],
  ['(select 1)', 'SELECT'],
  ['secret from secret', 'postgresql'],
  ['', 'postgresql']
]

t.test('the summary of a statement', async t => {
  const summaryOf = createSummaries()

  for (const [statement, summary] of SUMMARIES)
    t.test(`is ${summary}: ${statement}`, async t => {
      t.equal(summaryOf(statement).text, summary)
      t.equal(summaryOf(statement), summaryOf(statement), 'and is remembered')
    })

  t.test('has the table where there is one alone', async t => {
    t.match(summaryOf('select * from tasks'), { operation: 'SELECT', table: 'tasks' })
    t.match(summaryOf('select * from tasks, users join labels using (id)'), { table: undefined })
  })

  t.test('is of at most 255 characters, and of a long text not remembered', async t => {
    const tables = Array.from({ length: 100 }, (_, index) => `join a_table_${index} using (id)`).join(' ')
    t.equal(summaryOf(`select * from tasks ${tables}`).text.length, 255)

    const long = `select * from tasks where id in (${'1,'.repeat(10_000)})`
    t.not(summaryOf(long), summaryOf(long))
    t.equal(summaryOf(long).text, 'SELECT tasks')
  })

  t.test('is forgotten when there are too many others', async t => {
    const first = summaryOf('select 0')
    for (let other = 1; other <= 1000; other += 1) summaryOf(`select ${other}`)

    t.not(summaryOf('select 0'), first)
    t.strictSame(summaryOf('select 0'), first)
  })
})

t.test('a statement without its literals has a ? for each', async t => {
  t.equal(
    withoutLiterals("select 'a''b', e'\\'', $$ c $$, 12, 1.5e-3, $1, a1, \"t2\".x -- secret\nfrom tasks"),
    'select ?, ?, ?, ?, ?, $1, a1, "t2".x  \nfrom tasks'
  )
})
