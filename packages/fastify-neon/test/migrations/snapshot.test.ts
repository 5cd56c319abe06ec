import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createMadeReader, readObjects } from '../../src/migrations/files/snapshot.ts'

const TABLE = { name: 'a', schema: '', columns: {} }

function folderOf(t: Test, ...snapshots: string[]): string {
  const folder = t.testdir({})
  mkdirSync(join(folder, 'meta'))
  for (const [index, text] of snapshots.entries())
    writeFileSync(join(folder, 'meta', `000${index}_snapshot.json`), text)
  return folder
}

const objectsIn = (path: string) => readObjects({ path, journal: [{ name: '0000_a', when: 0 }] }, '0000_a')

t.test('a snapshot of drizzle-kit', async t => {
  t.test('names the tables, what is on them, and enums', async t => {
    const snapshot = {
      tables: {
        'public.a': {
          ...TABLE,
          columns: { x: {}, ['ü'.repeat(40)]: {} },
          indexes: { a_idx: {} },
          policies: { all: {} },
          foreignKeys: { a_fk: {} },
          uniqueConstraints: { a_key: {} },
          compositePrimaryKeys: { a_pk: {} },
          checkConstraints: { a_check: {} },
          isRLSEnabled: true
        },
        'app.b': { name: 'b', schema: 'app', columns: { y: {} }, isRLSEnabled: false }
      },
      enums: {
        'public.mood': { name: 'mood', schema: 'public', values: ['calm', 'sad'] },
        taste: { name: 'taste', values: { sweet: 'sweet' } }
      }
    }

    t.strictSame(
      [...((await objectsIn(folderOf(t, JSON.stringify(snapshot)))) ?? [])],
      [
        'table a',
        'column a.x',
        `column a.${'ü'.repeat(31)}\uFFFD`,
        'index a_idx',
        'policy a.all',
        'constraint a.a_fk',
        'constraint a.a_key',
        'constraint a.a_pk',
        'constraint a.a_check',
        'row-security a',
        'table app.b',
        'column app.b.y',
        'type mood',
        'value mood.calm',
        'value mood.sad',
        'type taste',
        'value taste.sweet'
      ]
    )
  })

  for (const text of [
    '{',
    'null',
    '[]',
    '{"tables":[]}',
    JSON.stringify({ tables: { a: { ...TABLE, name: 1 } } }),
    JSON.stringify({ tables: { a: { ...TABLE, schema: null } } }),
    JSON.stringify({ tables: { a: { ...TABLE, columns: [] } } }),
    JSON.stringify({ tables: { a: { ...TABLE, indexes: 'none' } } }),
    JSON.stringify({ tables: {}, enums: { mood: { values: ['calm'] } } }),
    JSON.stringify({ tables: {}, enums: { mood: { name: 'mood', values: [1] } } })
  ])
    t.test(`is unknown when it is ${text}`, async t => {
      t.equal(await objectsIn(folderOf(t, text)), undefined)
    })

  t.test('is unknown when it is not there', async t => {
    t.equal(await objectsIn(folderOf(t)), undefined)
  })

  t.test(
    'says with the one before what a migration makes, and nothing where one of them is unknown',
    async t => {
      const journal = ['0000_a', '0001_b', '0002_c', '0003_d'].map(name => ({ name, when: 0 }))
      const folder = folderOf(
        t,
        JSON.stringify({ tables: { a: TABLE } }),
        JSON.stringify({ tables: { a: { ...TABLE, columns: { x: {} } } } }),
        '{'
      )

      const readMade = createMadeReader({ path: folder, journal })
      const made = []
      for (const { name } of journal) made.push(await readMade(name))

      t.strictSame(made, [['table a'], ['column a.x'], [], []])
      t.strictSame(await readMade('0001_b'), ['column a.x'])
    }
  )
})
