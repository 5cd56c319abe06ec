/**
 * Whatever bytes a stranger begins with, the answer is a start or a ProtocolError: nothing
 * else is thrown, and nothing is waited for.
 */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import { int32, ProtocolError, readStartupPacket } from '../../src/protocol/messages.ts'
import {
  endpointOption,
  forwardedParameters,
  parseStartup,
  pooledOptionsRefusal,
  wordsOf
} from '../../src/protocol/startup.ts'

const CODES = [80_877_102, 80_877_103, 80_877_104, 0x00_03_00_00, 0x00_03_00_02, 0x00_02_00_00]
const anyBytes = fc.uint8Array({ maxLength: 80 }).map(bytes => Buffer.from(bytes))
/** With the right length and a code that is known, as any byte alone seldom makes one. */
const anyPacket = fc
  .tuple(fc.constantFrom(...CODES), anyBytes)
  .map(([code, rest]) => Buffer.concat([int32(rest.length + 8), int32(code), rest]))
const anyOptions = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('-c', '--', '=', '\\', ' ', 'endpoint=', 'neon_a:')
    )
  )
  .map(parts => parts.join(''))

t.test('a start', async t => {
  t.test('is read from any bytes, or refused', async t => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(anyBytes, anyPacket), async bytes => {
        const stream = new PassThrough()
        stream.end(bytes)
        try {
          const startup = parseStartup(await readStartupPacket(stream))
          if (startup.kind === 'session') forwardedParameters(startup.parameters)
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error))
        }
      }),
      { numRuns: 500 }
    )
    t.pass('in all runs')
  })

  t.test('is understood with any options', async t => {
    fc.assert(
      fc.property(anyOptions, options => {
        endpointOption(options)
        pooledOptionsRefusal(options)
        const forwarded = forwardedParameters(new Map([['options', options]])).get('options') ?? ''
        assert.equal(endpointOption(forwarded), undefined)
        assert.deepEqual(wordsOf(wordsOf(options).join(' ')), wordsOf(options))
      }),
      { numRuns: 1000 }
    )
    t.pass('in all runs')
  })
})
