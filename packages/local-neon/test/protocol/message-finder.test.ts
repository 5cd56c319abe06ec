import t from 'tap'
import { createMessageFinder } from '../../src/protocol/message-finder.ts'
import { message } from '../../src/protocol/messages.ts'

const QUERY = 0x51
const SYNC = 0x53

t.test('the message finder', async t => {
  t.test('tells type, body and place of each message in a chunk', async t => {
    const { look, found } = track()

    look(Buffer.concat([message(QUERY, 'COMMIT\0'), message(SYNC), message(QUERY, 'SELECT 1\0')]))

    t.strictSame(found, [
      { type: QUERY, body: 'COMMIT\0', at: 0 },
      { type: SYNC, body: '', at: 12 },
      { type: QUERY, body: 'SELECT 1\0', at: 17 }
    ])
  })

  t.test(
    'tells of a message that is cut off when the rest is there, with the place where it began',
    async t => {
      const { look, found } = track()
      const bytes = Buffer.concat([message(SYNC), message(QUERY, 'COMMIT\0')])

      look(bytes.subarray(0, 7))
      look(bytes.subarray(7, 11))
      const foundBefore = found.length
      look(bytes.subarray(11))

      t.equal(foundBefore, 1)
      t.strictSame(found[1], { type: QUERY, body: 'COMMIT\0', at: -6 })
    }
  )

  t.test('shows the beginning of a long body, without waiting for the rest', async t => {
    const { look, found } = track()
    const bytes = Buffer.concat([message(QUERY, 'x'.repeat(200)), message(SYNC)])

    look(bytes.subarray(0, 69))
    const foundBefore = found.length
    look(bytes.subarray(69))

    t.equal(foundBefore, 1)
    t.strictSame(found, [
      { type: QUERY, body: 'x'.repeat(64), at: 0 },
      { type: SYNC, body: '', at: 136 }
    ])
  })

  t.test('goes on behind a length that no message has', async t => {
    const { look, found } = track()

    look(Buffer.concat([Buffer.from([QUERY, 0, 0, 0, 0]), message(SYNC)]))

    t.strictSame(found, [
      { type: QUERY, body: '', at: 0 },
      { type: SYNC, body: '', at: 5 }
    ])
  })
})

function track() {
  const found: Array<{ type: number; body: string; at: number }> = []
  const { look } = createMessageFinder((type, buffer, start, end, at) =>
    found.push({ type, body: buffer.toString('latin1', start, end), at })
  )
  return { look, found }
}
