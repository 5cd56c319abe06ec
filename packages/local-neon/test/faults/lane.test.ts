import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { createLane, type LaneShape, OPEN_LANE } from '../../src/faults/lane.ts'
import { createManualClock } from '../fixtures/manual-clock.ts'

const MEGABYTE = 1024 * 1024
const LATE: LaneShape = { ...OPEN_LANE, latencyMs: 100 }
const BLOCKED: LaneShape = { ...OPEN_LANE, isBlocked: true }

t.test('a lane', async t => {
  t.test('passes bytes on at once while nothing is done to it', async t => {
    const { lane, arrived } = track()

    const hasRoom = lane.push(Buffer.from('a'))
    lane.push(null)

    t.strictSame(arrived, ['a at 0', 'end at 0'])
    t.equal(hasRoom, true)
  })

  t.test('delays each piece, and the end, by the latency', async t => {
    const { lane, clock, arrived } = track()
    lane.shape(LATE)

    lane.push(Buffer.from('a'))
    await clock.advance(40)
    lane.push(Buffer.from('b'))
    lane.push(null)
    await clock.advance(200)

    t.strictSame(arrived, ['a at 100', 'b at 140', 'end at 140'])
  })

  t.test('keeps the order when a later piece is luckier with the jitter', async t => {
    const draws = [1, 0]
    const { lane, clock, arrived } = track(() => draws.shift() ?? 0)
    lane.shape({ ...LATE, jitterMs: 50 })

    lane.push(Buffer.from('unlucky'))
    lane.push(Buffer.from('lucky'))
    await clock.advance(200)

    t.strictSame(arrived, ['unlucky at 150', 'lucky at 150'])
  })

  t.test('takes for each piece what its bytes take at this rate', async t => {
    const { lane, clock, arrived } = track()
    lane.shape({ ...OPEN_LANE, bytesPerSecond: 10 })

    lane.push(Buffer.from('12345'))
    lane.push(Buffer.from('1'))
    await clock.advance(1000)

    t.strictSame(arrived, ['12345 at 500', '1 at 600'])
  })

  t.test('lets nothing through while it is blocked, and all of it afterwards', async t => {
    const { lane, clock, arrived } = track()
    lane.shape(BLOCKED)
    lane.push(Buffer.from('a'))
    lane.push(null)
    await clock.advance(1000)
    const arrivedBefore = [...arrived]

    lane.shape(OPEN_LANE)

    t.strictSame(arrivedBefore, [])
    t.strictSame(arrived, ['a at 1000', 'end at 1000'])
  })

  t.test('says whether it is blocked', async t => {
    const { lane } = track()
    const before = lane.isBlocked

    lane.shape(BLOCKED)

    t.equal(before, false)
    t.equal(lane.isBlocked, true)
  })

  t.test('lets everything go when the latency is undone', async t => {
    const { lane, clock, arrived } = track()
    lane.shape(LATE)
    lane.push(Buffer.from('a'))
    await clock.advance(10)

    lane.shape(OPEN_LANE)

    t.strictSame(arrived, ['a at 10'])
  })

  t.test('keeps nothing of a latency that is undone for the next one', async t => {
    const { lane, clock, arrived } = track()
    lane.shape({ ...LATE, latencyMs: 60_000 })
    lane.push(Buffer.from('a'))
    lane.shape(OPEN_LANE)

    lane.shape(LATE)
    lane.push(Buffer.from('b'))
    await clock.advance(100)

    t.strictSame(arrived, ['a at 0', 'b at 100'])
  })

  t.test('delivers what is under way as the new shape has it', async t => {
    const { lane, clock, arrived } = track()
    lane.shape({ ...OPEN_LANE, bytesPerSecond: 1 })
    lane.push(Buffer.from('0123456789'))
    lane.push(Buffer.from('b'))
    await clock.advance(50)

    lane.shape({ ...OPEN_LANE, bytesPerSecond: 100 })
    await clock.advance(100)

    t.strictSame(arrived, ['0123456789 at 100', 'b at 110'])
  })

  t.test('has the sender wait when it is full, and tells it when there is room', async t => {
    const { lane, arrived, rooms } = track()
    lane.shape(BLOCKED)

    const first = lane.push(Buffer.alloc(MEGABYTE - 1))
    const second = lane.push(Buffer.alloc(1))
    const roomsBefore = rooms()
    lane.shape(OPEN_LANE)

    t.strictSame([first, second], [true, false])
    t.equal(roomsBefore, 0)
    t.equal(rooms(), 1)
    t.equal(arrived.length, 2)
  })

  t.test('takes the next piece of a sender who hears of the room in its turn', async t => {
    const clock = createManualClock()
    const arrived: number[] = []
    const lane = createLane({
      clock,
      deliver: piece => arrived.push(piece?.length ?? 0),
      onRoom: () => lane.push(Buffer.alloc(3))
    })
    lane.shape(BLOCKED)
    lane.push(Buffer.alloc(MEGABYTE))
    lane.push(Buffer.alloc(2))

    lane.shape(OPEN_LANE)

    t.strictSame(arrived, [MEGABYTE, 2, 3])
  })

  t.test('forgets what is on its way when it is closed', async t => {
    const { lane, clock, arrived } = track()
    lane.shape(LATE)
    lane.push(Buffer.from('a'))

    lane.close()
    await clock.advance(1000)

    t.strictSame(arrived, [])
    t.equal(clock.sleepers, 0)
  })

  t.test('lets the process go on when something comes after its close', async t => {
    const { lane, clock, arrived } = track()
    lane.shape(LATE)
    lane.close()

    const hasRoom = lane.push(null)
    await setImmediate()

    t.equal(hasRoom, true)
    t.strictSame(arrived, [])
    t.equal(clock.sleepers, 0)
  })

  t.test('draws the jitter by itself', async t => {
    const clock = createManualClock()
    const arrived: number[] = []
    const lane = createLane({ clock, deliver: () => arrived.push(clock.now()), onRoom: () => {} })
    lane.shape({ ...LATE, jitterMs: 50 })

    lane.push(Buffer.from('a'))
    await clock.advance(150)

    t.ok(arrived.every(ms => ms >= 100 && ms <= 150))
    t.equal(arrived.length, 1)
  })
})

function track(random: () => number = () => 0) {
  const clock = createManualClock()
  const arrived: string[] = []
  let rooms = 0
  const lane = createLane({
    clock,
    random,
    deliver: piece => arrived.push(`${piece?.toString() ?? 'end'} at ${clock.now()}`),
    onRoom: () => {
      rooms += 1
    }
  })
  return { lane, clock, arrived, rooms: () => rooms }
}
