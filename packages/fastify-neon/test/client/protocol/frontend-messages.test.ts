import { Client } from '@neondatabase/serverless'
import fc from 'fast-check'
import t from 'tap'
import { boundValues } from '../../../src/client/driver.ts'
import { type BoundValue, createFrontendMessages } from '../../../src/client/protocol/frontend-messages.ts'

interface DriverConnection {
  stream: { writable: boolean; write(bytes: Uint8Array): void }
  parse(message: object): void
  bind(message: object): void
  describe(message: object): void
  execute(message: object): void
  close(message: object): void
  sync(): void
}

/** The driver's own connection, and what it has sent. */
function openDriver() {
  const { connection }: { connection: DriverConnection } = Object(new Client({ host: 'localhost' }))
  const sent: Uint8Array[] = []
  connection.stream = { writable: true, write: bytes => sent.push(bytes) }
  return { connection, sent: () => Buffer.concat(sent) }
}

/** As the driver's own queries do. */
const valueMapper = (value: unknown) => boundValues([value])[0]

const text = fc.string({ unit: 'grapheme', maxLength: 60 })
const value = fc.oneof(text, fc.constant(null), fc.uint8Array({ maxLength: 60 }))

t.test('messages', async t => {
  const messages = createFrontendMessages()

  t.test('are byte for byte those of the driver', async () => {
    fc.assert(
      fc.property(
        text,
        text,
        fc.array(value, { maxLength: 20 }),
        fc.boolean(),
        (name, query, values, binary) => {
          const { connection, sent } = openDriver()
          connection.parse({ name, text: query })
          connection.bind({ statement: name, values, binary, valueMapper })
          connection.describe({ type: 'P', name: '' })
          connection.execute({})
          connection.close({ type: 'S', name })
          // Not `sync`, after which the driver takes its connection for one that ends.
          messages.parse(name, query)
          messages.bind(name, boundValues(values), binary)
          messages.describePortal()
          messages.execute()
          messages.closeStatement(name)
          return messages.take().equals(sent())
        }
      ),
      { numRuns: 300 }
    )
  })

  t.test('ask for text, and end with a Sync', async t => {
    const { connection, sent } = openDriver()
    connection.bind({ statement: 'one', values: ['a'] })
    connection.sync()

    messages.bind('one', ['a'])
    messages.sync()

    const synced = messages.take()
    t.strictSame(synced.subarray(-5), Buffer.from([0x53, 0, 0, 0, 4]))
    t.ok(sent().includes(synced.subarray(0, -5)))
    t.ok(sent().includes(synced.subarray(-5)))
  })

  t.test('hold a value of two megabytes', async t => {
    const large: BoundValue[] = ['é'.repeat(1_000_000), Buffer.alloc(2_000_000, 7), 'small']
    const { connection, sent } = openDriver()
    connection.bind({ statement: '', values: large, valueMapper })

    messages.bind('', large)

    t.ok(messages.take().equals(sent()))
  })

  t.test('hold as many values as there may be', async t => {
    const many = Array.from({ length: 65_535 }, (_, index) => String(index))

    messages.bind('', many)

    const bytes = messages.take()
    t.equal(bytes.readUInt32BE(1), bytes.length - 1)
    t.equal(bytes.readUInt16BE(7), 65_535)
  })

  t.test('are taken once, and stay as they are when others are written', async t => {
    messages.parse('', 'select 1')
    const first = messages.take()
    const copy = Buffer.from(first)

    messages.parse('', 'delete from notes')

    t.not(messages.take().length, first.length)
    t.strictSame(first, copy)
    t.equal(messages.take().length, 0)
  })
})

t.test('a message that is larger than the server takes is refused, before it is put together', async t => {
  const messages = createFrontendMessages()
  const allocated = t.capture(Buffer, 'allocUnsafe', Buffer.allocUnsafe)

  messages.parse('', 'insert into notes values ($1)')
  t.throws(() => messages.bind('', [Buffer.alloc(0x3fff_ffff)]), {
    name: 'RangeError',
    message: 'a statement with its parameters takes at most 1 GB'
  })
  messages.take()

  t.ok(allocated().every(({ args: [size] }) => Number(size) < 1_000_000))
  messages.sync()
  t.strictSame(messages.take(), Buffer.from('S\0\0\0\x04'))
})

t.test('the memory of a large value is given back', async t => {
  const allocated = t.capture(Buffer, 'allocUnsafe', Buffer.allocUnsafe)
  const messages = createFrontendMessages()
  const [
    {
      args: [initial]
    }
  ] = Object(allocated())

  messages.bind('', ['x'.repeat(2_000_000)])
  messages.take()
  t.match(
    allocated()
      .map(({ args: [size] }) => size)
      .at(-1),
    initial,
    'small again'
  )

  messages.bind('', ['x'.repeat(500_000)])
  messages.take()
  allocated()
  messages.bind('', ['x'.repeat(500_000)])
  messages.take()
  t.strictSame(allocated(), [], 'and used again as long as it is not large')
})
