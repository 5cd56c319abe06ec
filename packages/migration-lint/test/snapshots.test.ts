/**
 * The chain of snapshots, here and against what has landed on the base branch.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readSnapshots } from '../src/snapshots/snapshots.ts'
import {
  atCommit,
  base,
  diff,
  type Entry,
  folderOf,
  foldersAtCommit,
  ORIGIN,
  snapshot,
  writeFolders
} from './migrations.ts'

const ONE = { name: '0000_one', snapshot: snapshot('a', ORIGIN) }
const TWO = { name: '0001_two', snapshot: snapshot('b', 'a') }
const THREE = { name: '0002_three', snapshot: snapshot('c', 'b') }

async function problems(t: Test, entries: Entry[], change: (folder: string) => void = () => {}) {
  const folder = folderOf(t, entries)
  change(folder)
  const { findings } = await readSnapshots(folder, atCommit(entries).journal)
  return findings.map(({ kind, migration, message }) => {
    t.equal(kind, 'snapshot-collision')
    return `${migration}: ${message}`
  })
}

t.test('snapshots', async t => {
  t.test('that follow each other are fine, wherever the first begins', async t => {
    t.strictSame(await problems(t, [ONE, TWO, THREE]), [])
    t.strictSame(await problems(t, [TWO, THREE]), [])
    t.strictSame(await problems(t, []), [])
  })

  t.test('collide when two were generated from the same state', async t => {
    t.strictSame(await problems(t, [ONE, TWO, { name: '0002_other', snapshot: snapshot('c', 'a') }]), [
      '0002_other: it was generated from the same state of the schema as 0001_two'
    ])
  })

  t.test('collide when two migrations have one number', async t => {
    t.strictSame(await problems(t, [ONE, TWO, { name: '0001_other', snapshot: snapshot('c', 'b') }]), [
      '0001_two: it was not generated from the state that 0000_one leaves',
      '0001_other: it has the number of 0001_two, so that one of the two has no snapshot'
    ])
  })

  t.test('have a gap when one was generated from a state that is not there', async t => {
    t.strictSame(await problems(t, [ONE, { name: '0001_two', snapshot: snapshot('b', 'x') }, THREE]), [
      '0001_two: it was not generated from the state that 0000_one leaves'
    ])
  })

  t.test('are missed where they are missing or not of drizzle-kit, once each', async t => {
    t.strictSame(await problems(t, [ONE, { name: '0001_two' }, THREE]), [
      '0001_two: there is no meta/0001_snapshot.json'
    ])
    t.strictSame(await problems(t, [ONE, { name: '0001_two', snapshot: '<<<<<<< HEAD' }, THREE]), [
      '0001_two: meta/0001_snapshot.json is not a snapshot as drizzle-kit writes it'
    ])
    t.strictSame(await problems(t, [ONE, { name: '0001_two', snapshot: { id: 1 } }]), [
      '0001_two: meta/0001_snapshot.json is not a snapshot as drizzle-kit writes it'
    ])
  })

  t.test('are too many when the journal has no migration of them', async t => {
    const change = (folder: string) => {
      writeFileSync(join(folder, 'meta', '0009_snapshot.json'), '{}')
      rmSync(join(folder, '0001_two.sql'))
    }

    t.strictSame(await problems(t, [ONE, TWO], change), [
      '0009_snapshot: it is of no migration in the journal, and drizzle-kit would go on from it'
    ])
  })
})

t.test('snapshots of the base branch', async t => {
  const against = async (t: Test, here: Entry[], tip: Entry[]) => {
    const snapshots = await readSnapshots(folderOf(t, here), atCommit(here).journal)
    const isNew = ({ name }: { name: string }) => name.endsWith('own')
    const branch = { ref: 'main', tip: atCommit(tip), fork: atCommit([ONE]) }
    return snapshots.compareWith(branch, isNew).map(({ migration, message }) => `${migration}: ${message}`)
  }

  t.test('collide with one of the branch that was generated from the same state', async t => {
    t.strictSame(
      await against(t, [ONE, { name: '0001_own', snapshot: snapshot('x', 'a') }], [ONE, TWO, THREE]),
      ['0001_own: it was generated from the same state of the schema as 0001_two on main']
    )
  })

  t.test('do not when the branch has them, when both have landed, or when they cannot be read', async t => {
    t.strictSame(
      await against(t, [ONE, TWO, { name: '0002_own', snapshot: snapshot('x', 'b') }], [ONE, TWO]),
      []
    )
    t.strictSame(await against(t, [ONE, TWO], [ONE, TWO, THREE]), [])
    t.strictSame(
      await against(t, [ONE, TWO], [ONE, TWO, { name: '0002_twin', snapshot: snapshot('c', 'a') }]),
      []
    )
    t.strictSame(
      await against(
        t,
        [ONE, { name: '0001_own', snapshot: snapshot('x', 'a') }],
        [ONE, { name: '0001_two' }]
      ),
      []
    )
  })
})

t.test('snapshots of Drizzle 1.0', async t => {
  const first = { name: '20260101000000_first', snapshot: base('a') }
  const left = { name: '20260101000001_left', snapshot: diff('b', ['a'], ['x']) }
  const right = { name: '20260101000002_right', snapshot: diff('c', ['a'], ['y']) }
  const merge = { name: '20260101000003_merge', snapshot: diff('d', ['b', 'c']) }
  const read = (t: Test, entries: Entry[]) =>
    readSnapshots(writeFolders(t, entries), foldersAtCommit(entries).journal)
  const found = async (t: Test, ...entries: Entry[]) =>
    (await read(t, entries)).findings.map(({ migration, message }) => `${migration.slice(15)}: ${message}`)
  const writing = (writes: string[], more: object = {}) => ({
    ...right,
    snapshot: diff('c', ['a'], writes, more)
  })
  const CONFLICT = 'right: it and 20260101000001_left were generated beside each other, and change the same'

  t.test('that follow each other are fine, and so are branches that change different things', async t => {
    t.strictSame(await found(t, first, left, right, merge), [])
    t.strictSame(await found(t, first, left, right), [])
    t.strictSame(await found(t), [])
  })

  t.test(
    'collide when one changes what the other changes, or reads, until a migration has joined them',
    async t => {
      const reading = { footprints: [{ statementType: 'x', writes: [], reads: ['x'] }] }
      const sharing = { footprints: [{ statementType: 'x', writes: [], sharedWrites: ['x'] }] }
      const twice = { footprints: [{ statementType: 'x', writes: ['x'], sqlHash: 'same' }] }

      t.strictSame(await found(t, first, left, writing(['x'])), [CONFLICT])
      t.strictSame(await found(t, first, left, writing([], reading)), [CONFLICT])
      t.strictSame(await found(t, first, left, writing([], sharing)), [CONFLICT])
      t.strictSame(await found(t, first, left, writing(['x']), merge), [])
      t.strictSame(
        await found(t, first, { ...left, snapshot: diff('b', ['a'], [], twice) }, writing([], twice)),
        []
      )
    }
  )

  t.test('of its betas collide when two were generated from the same state', async t => {
    const beta = (id: string, prevIds: string[]) => ({ id, prevIds, ddl: [] })

    t.strictSame(
      await found(
        t,
        { ...first, snapshot: beta('a', [ORIGIN]) },
        { ...left, snapshot: beta('b', ['a']) },
        { ...right, snapshot: beta('c', ['a']) }
      ),
      [CONFLICT]
    )
  })

  t.test('are found to be missing, of another shape, of another state, or two first ones', async t => {
    t.strictSame(await found(t, first, { name: left.name }), [
      'left: there is no 20260101000001_left/snapshot.json'
    ])
    for (const broken of ['{', '{}', { ...diff('b', ['a']), deltas: undefined }])
      t.strictSame(await found(t, first, { ...left, snapshot: broken }), [
        'left: not as drizzle-kit writes it: 20260101000001_left/snapshot.json'
      ])
    t.strictSame(await found(t, first, { ...left, snapshot: diff('b', ['gone']) }), [
      'left: it was not generated from the state that migrations before it leave'
    ])
    t.strictSame(await found(t, first, { ...left, snapshot: base('b') }), [
      'left: it was generated from an empty schema, as 20260101000000_first was'
    ])
  })

  t.test('tell of the type of a column after each', async t => {
    const column = { entityType: 'columns', schema: 'public', table: 'a', name: 'x', type: 'text' }
    const key = 'columns\0["public","a","x"]'
    const set = { type: 'varchar(9)', dimensions: 1 }
    const { typeAfter } = await read(t, [
      { ...first, snapshot: base('a', [column]) },
      { ...left, snapshot: diff('b', ['a'], [], { deltas: [{ op: 'alter', key, set }] }) }
    ])

    t.equal(typeAfter(first.name, 'public.a', 'x'), 'text')
    t.equal(typeAfter(left.name, 'public.a', 'x'), 'varchar(9)[]')
    t.equal(typeAfter(left.name, 'public.a', 'y'), undefined)
    t.equal(typeAfter('none', 'public.a', 'x'), undefined)
  })

  t.test('of the branch collide with what has landed since, when both change the same', async t => {
    const isNew = ({ name }: { name: string }) => name === right.name
    const against = async (own: Entry, landed: Entry) => {
      const branch = { ref: 'main', tip: foldersAtCommit([first, landed]), fork: foldersAtCommit([first]) }
      return (await read(t, [first, own])).compareWith(branch, isNew)
    }

    t.strictSame(await against(right, left), [])
    t.strictSame(await against(writing(['x']), { name: left.name }), [])
    t.match(await against(writing(['x']), left), [
      {
        kind: 'snapshot-collision',
        migration: right.name,
        message: 'it and 20260101000001_left on main were generated beside each other, and change the same',
        fix: /^take main into the branch, delete the folder/
      }
    ])
  })
})
