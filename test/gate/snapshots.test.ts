/**
 * The chain of snapshots, here and against what has landed on the base branch.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { compareSnapshots, readSnapshots } from '../../src/gate/snapshots.ts'
import { atCommit, type Entry, folderOf, ORIGIN, snapshot } from './migrations.ts'

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
    return compareSnapshots(snapshots, isNew, branch).map(
      ({ migration, message }) => `${migration}: ${message}`
    )
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
