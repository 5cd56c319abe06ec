import t from 'tap'
import {
  createMigrationCheck,
  type MigrationChange,
  type MigrationReading
} from '../../src/health/migrations.ts'
import { createManualClock } from '../support/manual-clock.ts'

const PENDING: MigrationReading = { state: 'pending', pending: ['0001_b'] }
const COMPLETE: MigrationReading = { state: 'complete', pending: [] }
const UNKNOWN: MigrationReading = { state: 'unknown', pending: [] }
const UNREADABLE: MigrationReading = { state: 'unreadable', pending: [] }

const SECOND_MS = 1000
const HOUR_MS = 3600 * SECOND_MS

/** A gate on a clock that stands still; answers are taken one after the other, and the last again and again. */
function openGate(...answers: MigrationReading[]) {
  const clock = createManualClock()
  const changes: MigrationChange[] = []
  let looks = 0
  const gate = createMigrationCheck({
    check: async () => {
      const answer = answers[Math.min(looks, answers.length - 1)]
      looks += 1
      if (!answer) throw new Error('no answer')
      return answer
    },
    onChange: change => changes.push(change),
    clock
  })
  return { gate, changes, looks: () => looks, clock }
}

t.test('the gate of migrations', async t => {
  t.test('looks once when they are complete, however often it is opened', async t => {
    const { gate, changes, looks, clock } = openGate(COMPLETE)
    t.strictSame(gate.reading, UNKNOWN)

    gate.open()
    gate.open()
    await clock.pass(HOUR_MS * 10)

    t.equal(looks(), 1)
    t.strictSame(gate.reading, COMPLETE)
    t.strictSame(changes, [{ ...COMPLETE, from: 'unknown' }])
  })

  t.test('looks twice a second while some are pending, and tells of each change once', async t => {
    const { gate, changes, looks, clock } = openGate(PENDING, PENDING, PENDING, COMPLETE)
    gate.open()
    await clock.pass(0)
    t.equal(looks(), 1)

    await clock.pass(499)
    t.equal(looks(), 1)
    await clock.pass(1)
    t.equal(looks(), 2)
    await clock.pass(2500)

    t.equal(looks(), 4)
    t.strictSame(changes, [
      { ...PENDING, from: 'unknown' },
      { ...COMPLETE, from: 'pending' }
    ])
  })

  t.test('takes no answer for no news', async t => {
    const { gate, changes, clock } = openGate(UNREADABLE, UNKNOWN, PENDING)
    gate.open()
    await clock.pass(500)
    t.strictSame(gate.reading, UNREADABLE)
    await clock.pass(500)

    t.strictSame(
      changes.map(({ from, state }) => [from, state]),
      [
        ['unknown', 'unreadable'],
        ['unreadable', 'pending']
      ]
    )
  })

  t.test('lets the database sleep when nobody has migrated it for ten minutes', async t => {
    const { gate, looks, clock } = openGate(PENDING)
    gate.open()
    await clock.pass(600000)
    const eager = looks()
    await clock.pass(600000)

    t.equal(eager, 1201)
    t.ok(looks() - eager <= 2, `${looks() - eager} looks in ten minutes`)
  })

  t.test('looks again at a doubt, once a second at most, and at none before it is opened', async t => {
    const { gate, looks, changes, clock } = openGate(COMPLETE, COMPLETE, PENDING, UNREADABLE, COMPLETE)
    gate.doubt('changed')
    await clock.pass(HOUR_MS)
    t.equal(looks(), 0)
    gate.open()
    gate.doubt('changed')
    await clock.pass(0)
    gate.doubt('changed')
    gate.doubt('changed')
    await clock.pass(999)
    t.equal(looks(), 1)
    await clock.pass(HOUR_MS)
    t.equal(looks(), 2)
    t.strictSame(changes, [{ ...COMPLETE, from: 'unknown' }])

    gate.doubt('changed')
    await clock.pass(99)
    t.equal(looks(), 2, 'whoever has the doubt has not given its connection back yet')
    await clock.pass(1)
    t.strictSame(gate.reading, { ...PENDING, state: 'behind' })
    gate.doubt('changed')
    await clock.pass(500)
    t.equal(looks(), 4)
    t.strictSame(gate.reading, UNREADABLE)
    await clock.pass(500)

    t.strictSame(
      changes.map(({ from, state }) => [from, state]),
      [
        ['unknown', 'complete'],
        ['complete', 'behind'],
        ['behind', 'unreadable'],
        ['unreadable', 'complete']
      ]
    )
    gate.close()
    gate.doubt('changed')
    await clock.pass(HOUR_MS)
    t.equal(looks(), 5)
  })

  t.test('looks again at the first connection of a pool that had none, but not at its own', async t => {
    const { gate, looks, clock } = openGate(COMPLETE)
    gate.doubt('unwatched')
    gate.open()
    await clock.pass(HOUR_MS)
    t.equal(looks(), 1)

    gate.doubt('in-use')
    await clock.pass(HOUR_MS)
    t.equal(looks(), 1)
    gate.doubt('unwatched')
    gate.doubt('in-use')
    await clock.pass(HOUR_MS)

    t.equal(looks(), 2)
  })

  t.test('takes a connection that it makes itself for no doubt, answered or not', async t => {
    const clock = createManualClock()
    let looks = 0
    const gate = createMigrationCheck({
      check: async () => {
        looks += 1
        gate.doubt('unwatched')
        gate.doubt('in-use')
        return looks === 2 ? UNKNOWN : COMPLETE
      },
      onChange: () => {},
      clock
    })
    gate.open()
    await clock.pass(HOUR_MS)
    t.equal(looks, 1)
    gate.doubt('changed')
    await clock.pass(HOUR_MS)

    t.equal(looks, 2)
  })

  t.test('keeps a doubt whose look had no answer until the database is used', async t => {
    const { gate, looks, clock } = openGate(COMPLETE, UNKNOWN, UNKNOWN, { ...PENDING }, COMPLETE)
    gate.open()
    await clock.pass(0)
    gate.doubt('changed')
    await clock.pass(HOUR_MS)
    t.equal(looks(), 2)
    t.strictSame(gate.reading, COMPLETE)

    gate.doubt('in-use')
    await clock.pass(HOUR_MS)
    t.equal(looks(), 3)
    gate.doubt('in-use')
    await clock.pass(100)
    t.strictSame(gate.reading, { ...PENDING, state: 'behind' })
    await clock.pass(500)
    t.strictSame(gate.reading, COMPLETE)
    gate.doubt('in-use')
    await clock.pass(HOUR_MS)

    t.equal(looks(), 5)
  })

  t.test('keeps a doubt that comes while it looks', async t => {
    const clock = createManualClock()
    let answer = (_reading: MigrationReading) => {}
    let looks = 0
    const look = () =>
      new Promise<MigrationReading>(resolve => {
        looks += 1
        answer = resolve
      })
    const gate = createMigrationCheck({ check: look, onChange: () => {}, clock })
    gate.open()
    await clock.pass(0)
    gate.doubt('changed')
    answer(COMPLETE)
    await clock.pass(999)
    t.equal(looks, 1)
    await clock.pass(1)
    answer(COMPLETE)
    await clock.pass(HOUR_MS)

    t.equal(looks, 2)
  })

  t.test('looks no more when it is closed', async t => {
    const { gate, looks, changes, clock } = openGate(PENDING)
    gate.open()
    gate.close()
    await clock.pass(HOUR_MS * 3)

    t.equal(looks(), 0)
    t.strictSame(changes, [])
  })

  t.test('stops its timer when it is closed', async t => {
    const { gate, looks, clock } = openGate(PENDING)
    gate.open()
    await clock.pass(0)
    gate.close()
    await clock.pass(HOUR_MS)

    t.equal(looks(), 1)
  })
})
