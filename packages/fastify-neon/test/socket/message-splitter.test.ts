import fc from 'fast-check'
import t from 'tap'
import { createMessageCutter } from '../../src/socket/message-splitter.ts'
import { message } from '../support/scripted-server.ts'

const contents = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 })
const cuts = fc.array(fc.nat({ max: 500 }), { maxLength: 30 })

t.test('a stream of messages', async t => {
  t.test('comes out whole and in order, however it is cut', async () => {
    fc.assert(
      fc.property(contents, cuts, (bodies, places) => {
        const messages = bodies.map(body => Buffer.from(message('D', [...body])))
        const pieces = cutAt(Buffer.concat(messages), places)

        const emitted = emittedOf(pieces)

        return (
          Buffer.concat(emitted).equals(Buffer.concat(messages)) && emitted.every(piece => isWhole(piece))
        )
      }),
      { numRuns: 500 }
    )
  })

  t.test('comes out as soon as a message is whole, and as one piece for all that are', async t => {
    const [first, second, third] = ['a', 'bc', ''].map(text =>
      Buffer.from(message('D', [...Buffer.from(text)]))
    )
    if (!first || !second || !third) throw new Error('three messages')

    const emitted = emittedOf([
      first.subarray(0, 3),
      first.subarray(3),
      Buffer.concat([second, third, first.subarray(0, 5)]),
      first.subarray(5)
    ])

    t.strictSame(emitted, [first, Buffer.concat([second, third]), first])
  })

  t.test('is not copied where a piece holds whole messages', async t => {
    const whole = Buffer.from([...message('D', [1, 2]), ...message('Z', [0x49])])
    const rest = Buffer.from(message('D', [3]))

    const [same, beginning] = emittedOf([whole, Buffer.concat([whole, rest.subarray(0, 4)])])

    t.equal(same, whole)
    t.equal(beginning?.length, whole.length)
    t.not(beginning?.buffer.byteLength, whole.length, 'a view of what came')
  })

  t.test('is put together once for a message in many pieces', async t => {
    const large = Buffer.from(
      message(
        'D',
        Array.from({ length: 10_000 }, (_, index) => index % 256)
      )
    )
    const concat = t.capture(Buffer, 'concat', Buffer.concat)
    const places = Array.from({ length: 99 }, (_, index) => 100 * (index + 1))

    const emitted = emittedOf(cutAt(large, places))

    t.strictSame(emitted, [large])
    t.equal(concat().length, 1)
  })

  t.test('comes to nothing when nothing comes', async t => {
    t.strictSame(emittedOf([Buffer.alloc(0), Buffer.alloc(0)]), [])
  })
})

function emittedOf(pieces: Buffer[]): Buffer[] {
  const emitted: Buffer[] = []
  const { add, cut } = createMessageCutter(messages => emitted.push(messages))
  for (const piece of pieces) {
    add(piece)
    cut()
  }
  return emitted
}

function cutAt(bytes: Buffer, places: number[]): Buffer[] {
  const inside = places.filter(place => place <= bytes.length).sort((one, other) => one - other)
  return [0, ...inside].map((start, index) => bytes.subarray(start, inside[index] ?? bytes.length))
}

function isWhole(bytes: Buffer): boolean {
  let end = 0
  while (end < bytes.length) end += 1 + bytes.readUInt32BE(end + 1)
  return bytes.length > 0 && end === bytes.length
}
