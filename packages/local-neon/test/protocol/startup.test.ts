import t from 'tap'
import { int32, message, startupPacket } from '../../src/protocol/messages.ts'
import { endpointOption, parseStartup, wordsOf } from '../../src/protocol/startup.ts'

t.test('what a client says first', async t => {
  for (const [kind, code] of [
    ['tls-request', 80_877_103],
    ['gss-request', 80_877_104]
  ] as const) {
    t.test(`is a ${kind}`, async t => {
      t.strictSame(parseStartup(Buffer.concat([int32(8), int32(code)])), { kind })
    })
  }

  t.test('is a cancellation, passed on as it is', async t => {
    const packet = Buffer.concat([int32(16), int32(80_877_102), int32(1234), int32(5678)])

    t.strictSame(parseStartup(packet), { kind: 'cancel', packet })
  })

  t.test('is a session with its parameters', async t => {
    const packet = startupPacket([
      ['user', 'alex'],
      ['application_name', 'naïve ☃'],
      ['database', '']
    ])

    t.strictSame(parseStartup(packet), {
      kind: 'session',
      parameters: new Map([
        ['user', 'alex'],
        ['application_name', 'naïve ☃'],
        ['database', '']
      ]),
      unsupported: undefined
    })
  })

  t.test('is a session of a later minor version, whose extensions are named', async t => {
    const packet = startupWith(0x00_03_00_02, 'user\0alex\0_pq_.report\0on\0\0')

    t.strictSame(parseStartup(packet), {
      kind: 'session',
      parameters: new Map([['user', 'alex']]),
      unsupported: ['_pq_.report']
    })
  })

  t.test('is a session of 3.0, whose extensions are left out', async t => {
    t.match(parseStartup(startupWith(0x00_03_00_00, '_pq_.report\0on\0user\0alex\0\0')), {
      parameters: new Map([['user', 'alex']]),
      unsupported: undefined
    })
  })

  t.test('has no parameters behind the empty name, nor one that is cut off', async t => {
    t.match(parseStartup(startupWith(0x00_03_00_00, 'user\0alex\0\0database\0other\0')), {
      parameters: new Map([['user', 'alex']])
    })
    t.match(parseStartup(startupWith(0x00_03_00_00, 'user')), { parameters: new Map() })
  })

  for (const code of [0x00_02_00_00, 0x00_04_00_00, 0, 0xff_ff_ff_ff]) {
    t.test(`is refused with the version ${code.toString(16)}`, async t => {
      t.throws(() => parseStartup(startupWith(code, '')), { name: 'ProtocolError' })
    })
  }

  t.test('is no message with a type', async t => {
    t.throws(() => parseStartup(message(0x51, 'SELECT 1\0')), { name: 'ProtocolError' })
  })
})

t.test('the words of options', async t => {
  for (const [options, words] of [
    ['', []],
    ['   ', []],
    [' a  b\tc\nd\re\ff ', ['a', 'b', 'c', 'd', 'e', 'f']],
    [String.raw`a\ b`, [String.raw`a\ b`]],
    ['a\\\nb', ['a\\\nb']],
    [String.raw`a\\ b`, [String.raw`a\\`, 'b']],
    ['a\\', ['a\\']],
    ['\\', ['\\']],
    ['a\u00a0b', ['a\u00a0b']]
  ] as const) {
    t.test(`are as the proxy of Neon splits them: ${JSON.stringify(options)}`, async t => {
      t.strictSame(wordsOf(options), words)
    })
  }
})

t.test('the endpoint in options', async t => {
  for (const [options, endpoint] of [
    [undefined, undefined],
    ['', undefined],
    ['endpoint=ep-a', 'ep-a'],
    ['project=ep-a', 'ep-a'],
    ['-c a=b endpoint=ep-a-pooler', 'ep-a-pooler'],
    ['endpoint=', ''],
    ['endpoint = ep-a', undefined],
    ['my_endpoint=ep-a', undefined],
    ['ENDPOINT=ep-a', undefined],
    ['endpoint=ep-a project=ep-a', undefined]
  ] as const) {
    t.test(`is ${JSON.stringify(endpoint)} in ${JSON.stringify(options)}`, async t => {
      t.equal(endpointOption(options), endpoint)
    })
  }
})

function startupWith(code: number, parameters: string): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(parameters.length + 8)
  head.writeUInt32BE(code, 4)
  return Buffer.concat([head, Buffer.from(parameters)])
}
