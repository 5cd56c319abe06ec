/**
 * What a file allows, for which statement, and what its lines cannot silence.
 */
import t from 'tap'
import { examine } from '../src/examination.ts'
import { migration } from './migrations.ts'

async function examined(...texts: string[]) {
  const migrations = await Promise.all(texts.map((text, index) => migration(`000${index}_x`, text)))
  const findings = examine({
    migrations,
    isNew: ({ name }) => name !== '0000_old',
    typeBefore: () => undefined
  })
  return findings.map(({ line, message }) => `${line} ${message.split(':')[0]}`)
}

t.test('a hazard', async t => {
  t.test('names its place, its statement, the safer way and the line that allows it', async t => {
    const migrations = [await migration('0002_x', `--\nALTER TABLE t\n  DROP COLUMN ${'c'.repeat(90)}`)]
    const [finding] = examine({ migrations, isNew: () => true, typeBefore: () => undefined })

    t.match(finding, {
      kind: 'hazard',
      hazard: 'drop-column',
      migration: '0002_x',
      line: 2,
      message: 'drop-column: its values are gone, and',
      fix: /^remove it from the schema, replace .* above the statement: -- fastify-neon:allow drop-column: REASON$/
    })
    t.equal(finding?.statement, `ALTER TABLE t DROP COLUMN ${'c'.repeat(74)}`)
  })

  t.test('is allowed by a line above it, for this statement and this hazard alone', async t => {
    const allow = '-- fastify-neon:allow drop-table: nobody reads it\n'

    t.strictSame(await examined(`${allow}drop table t`), [])
    t.strictSame(await examined(`${allow}\n-- and so\ndrop table t`), [])
    t.strictSame(await examined(`${allow}drop table t;\ndrop table u`), ['3 drop-table'])
    t.strictSame(await examined(`${allow}drop table t; drop table u`), ['2 drop-table'])
    t.strictSame(await examined(`select 1;\n--> statement-breakpoint\n${allow}drop table t`), [])
    t.strictSame(await examined(`${allow}truncate t`), [
      '2 truncate',
      '1 it allows drop-table, which the statement below is not'
    ])
  })

  t.test('is allowed beside another one by a line each', async t => {
    const lines = '-- fastify-neon:allow drop-column: gone\n-- fastify-neon:allow rename-column: known\n'

    t.strictSame(await examined(`${lines}alter table t drop column a`), [
      '2 it allows rename-column, which the statement below is not'
    ])
    t.strictSame(await examined(`${lines}alter table t drop column a, add column b int unique`), [
      '3 unique-constraint',
      '2 it allows rename-column, which the statement below is not'
    ])
  })

  t.test('is not allowed by a line below it, or in another file', async t => {
    const allow = '-- fastify-neon:allow drop-table: nobody reads it'

    t.strictSame(await examined(`drop table t;\n${allow}`), [
      '1 drop-table',
      '2 it allows drop-table, which the statement below is not'
    ])
    t.strictSame(await examined(`${allow}\nselect 1`, 'drop table t'), [
      '1 it allows drop-table, which the statement below is not',
      '1 drop-table'
    ])
  })
})

t.test('a slip of the pen silences nothing', async t => {
  t.strictSame(await examined('-- fastify-neon:allow drop-tables: gone\ndrop table t'), [
    '2 drop-table',
    '1 it allows drop-tables, and there is no such hazard'
  ])
  t.match(await examined('-- fastify-neon:allow drop-table\ndrop table t'), [
    '2 drop-table',
    /^1 nobody knows the line/
  ])
  t.match(await examined('-- fastify-neon:no-transacton\nselect 1'), [/^1 nobody knows the line/])
})

t.test('a migration that has landed is not examined, and still tells what later ones do', async t => {
  const migrations = [await migration('0000_old', 'drop table t; alter table u add check (a is not null)')]

  t.strictSame(examine({ migrations, isNew: () => false, typeBefore: () => undefined }), [])
})
