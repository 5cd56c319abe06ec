/**
 * The snapshots of Drizzle 1.0, one after the other.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createMadeReader, readObjects } from '../../src/migrations/files/snapshot.ts'

const schema = 'public'
const table = (name: string, more: object = {}) => ({ entityType: 'tables', schema, name, ...more })
const on = (entityType: string, table: string, name: string, more: object = {}) => ({
  entityType,
  schema,
  table,
  name,
  ...more
})
const create = (row: object) => ({ op: 'create', row })
const key = (type: string, ...parts: string[]) => `${type}\0${JSON.stringify([...parts])}`
const drop = (...parts: Parameters<typeof key>) => ({ op: 'drop', key: key(...parts) })
const change = (set: object, ...parts: Parameters<typeof key>) => ({ op: 'rename', key: key(...parts), set })

/** With a snapshot for each migration; undefined writes none. */
function folderOf(t: Test, ...snapshots: (object | string | undefined)[]) {
  const path = t.testdir({})
  const journal = snapshots.map((_, index) => ({
    name: `2026010100000${index}_x`,
    when: index,
    hasFolder: true as const
  }))
  for (const [index, snapshot] of snapshots.entries()) {
    const folder = join(path, `${journal[index]?.name}`)
    mkdirSync(folder)
    if (snapshot !== undefined)
      writeFileSync(
        join(folder, 'snapshot.json'),
        typeof snapshot === 'string' ? snapshot : JSON.stringify(snapshot)
      )
  }
  const names = journal.map(({ name }) => name)
  return { folder: { path, journal }, names }
}

const sorted = (objects: Iterable<string> | undefined) => objects && [...objects].sort()

/** What is there after each. */
async function objectsAfter(t: Test, ...snapshots: Parameters<typeof folderOf>[1][]) {
  const { folder, names } = folderOf(t, ...snapshots)
  return Promise.all(names.map(async name => sorted(await readObjects(folder, name))))
}

const BASE = { type: 'base', ddl: [table('a'), on('columns', 'a', 'x')] }

t.test('snapshots of Drizzle 1.0', async t => {
  t.test('name the tables, what is on them, and enums', async t => {
    const ddl = [
      { entityType: 'schemas', name: 'app' },
      table('a', { isRlsEnabled: true }),
      { entityType: 'tables', schema: 'app', name: 'b', isRlsEnabled: false },
      on('columns', 'a', 'x'),
      on('indexes', 'a', 'a_idx'),
      on('policies', 'a', 'all'),
      on('fks', 'a', 'a_fk', { nameExplicit: false }),
      on('checks', 'a', 'a_check'),
      on('pks', 'a', 'a_pkey', { nameExplicit: false }),
      on('pks', 'a', 'a_pk', { nameExplicit: true }),
      on('uniques', 'a', 'a_x_key', { nameExplicit: false }),
      on('uniques', 'a', 'a_key', { nameExplicit: true }),
      { entityType: 'enums', schema, name: 'mood', values: ['calm'] },
      { entityType: 'roles', name: 'app_user' },
      { entityType: 'sequences', schema, name: 's' }
    ]

    t.strictSame(await objectsAfter(t, { ddl }), [
      [
        'column a.x',
        'constraint a.a_check',
        'constraint a.a_fk',
        'constraint a.a_key',
        'constraint a.a_pk',
        'index a_idx',
        'policy a.all',
        'row-security a',
        'table a',
        'table app.b',
        'type mood',
        'value mood.calm'
      ]
    ])
  })

  t.test('add up, and a new name goes to what is on it', async t => {
    const deltas = [
      create(on('columns', 'a', 'y')),
      create({ entityType: 'roles', name: 'app_user' }),
      { op: 'alter', key: key('columns', schema, 'a', 'y'), set: { notNull: true } },
      { op: 'alter', key: key('roles', 'app_user'), set: { canLogin: true } },
      drop('columns', schema, 'a', 'x')
    ]
    const renames = [
      change({ name: 'b' }, 'tables', schema, 'a'),
      change({ name: 'z' }, 'columns', schema, 'b', 'y')
    ]
    const moved = [
      create({ entityType: 'schemas', name: 'app' }),
      create({ entityType: 'tables', schema: 'app', name: 'c' }),
      create({ entityType: 'columns', schema: 'app', table: 'c', name: 'x' }),
      change({ name: 'api' }, 'schemas', 'app')
    ]

    t.strictSame(await objectsAfter(t, BASE, { deltas }, { deltas: renames }, { deltas: moved }), [
      ['column a.x', 'table a'],
      ['column a.y', 'table a'],
      ['column b.z', 'table b'],
      ['column api.c.x', 'column b.z', 'table api.c', 'table b']
    ])
  })

  t.test('are unknown from one on that cannot be read, until one has the whole schema', async t => {
    const more = { deltas: [create(table('b'))] }

    for (const broken of [undefined, '{', '[]', { deltas: [1] }, { deltas: [create([])] }, {}])
      t.strictSame(await objectsAfter(t, BASE, broken, more, BASE), [
        ['column a.x', 'table a'],
        undefined,
        undefined,
        ['column a.x', 'table a']
      ])
    t.strictSame(await objectsAfter(t, { ddl: [{ ...table('a'), name: 1 }] }), [undefined])
  })

  t.test('say what a migration makes, whichever is asked for first', async t => {
    const { folder, names } = folderOf(t, BASE, { deltas: [create(table('b'))] }, { deltas: [] })
    const readMade = createMadeReader(folder)
    const made = []
    for (const name of [...names, ...names.toReversed(), 'none']) made.push(sorted(await readMade(name)))

    t.strictSame(made, [
      ['column a.x', 'table a'],
      ['table b'],
      [],
      [],
      ['table b'],
      ['column a.x', 'table a'],
      []
    ])
  })
})
