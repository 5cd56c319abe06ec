/**
 * However a sequence of messages is cut into chunks, the same messages are found in it, each at
 * its place.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { createMessageFinder } from '../../src/protocol/message-finder.ts'
import { message } from '../../src/protocol/messages.ts'

const LOOKED_AT_BYTES = 64

const anyMessages = fc.array(
  fc.record({
    type: fc.integer({ min: 0, max: 255 }),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.uint8Array({ minLength: 60, maxLength: 70 }),
      fc.uint8Array({ minLength: 200, maxLength: 300 })
    )
  }),
  { maxLength: 8 }
)
const anyChunks = fc.array(fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 200 })))

t.test('the message finder, however the bytes are cut', async t => {
  t.test('finds the same messages, each at its place', async t => {
    fc.assert(
      fc.property(anyMessages, anyChunks, (messages, sizes) => {
        const encoded = messages.map(({ type, body }) => message(type, Buffer.from(body)))
        const expected = messages.map(({ type, body }, index) => ({
          type,
          body: Buffer.from(body.slice(0, LOOKED_AT_BYTES)).toString('hex'),
          at: Buffer.concat(encoded.slice(0, index)).length
        }))

        assert.deepEqual(foundIn(cut(Buffer.concat(encoded), sizes)), expected)
      }),
      { numRuns: 1000 }
    )
    t.pass('in all runs')
  })

  t.test('finds the same in bytes that are no messages', async t => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), anyChunks, (bytes, sizes) => {
        const whole = Buffer.from(bytes)

        assert.deepEqual(foundIn(cut(whole, sizes)), foundIn([whole]))
      }),
      { numRuns: 500 }
    )
    t.pass('in all runs')
  })
})

function foundIn(chunks: Buffer[]) {
  const found: Array<{ type: number; body: string; at: number }> = []
  let before = 0
  const { look } = createMessageFinder((type, buffer, start, end, at) =>
    found.push({ type, body: buffer.toString('hex', start, end), at: before + at })
  )
  for (const chunk of chunks) {
    look(chunk)
    before += chunk.length
  }
  return found
}

function cut(bytes: Buffer, sizes: number[]): Buffer[] {
  const chunks: Buffer[] = []
  let at = 0
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return [...chunks, bytes.subarray(at)]
}
