import { EventEmitter } from 'node:events'
import t from 'tap'
import { emitMessagesDirectly } from '../../../src/client/protocol/message-events.ts'

t.test('a message goes to', async t => {
  const connection = new EventEmitter()
  emitMessagesDirectly(connection)
  const message = { name: 'readyForQuery' }

  t.test('nobody, and that is said', async t => {
    t.equal(connection.emit('readyForQuery', message), false)
  })

  t.test('its one listener, and to all, also when one is for once', async t => {
    const heard: unknown[] = []
    connection.on('dataRow', given => heard.push(given))
    t.equal(connection.emit('dataRow', message), true)
    connection.once('dataRow', () => heard.push('once'))
    connection.on('dataRow', () => heard.push('last'))

    connection.emit('dataRow', message)
    connection.emit('dataRow', message)

    t.strictSame(heard, [message, message, 'once', 'last', message, 'last'])
  })

  t.test('and what is none is emitted as before', async t => {
    const heard: unknown[][] = []
    connection.on('end', (...given) => heard.push(given)).on('two', (...given) => heard.push(given))

    connection.emit('end')
    connection.emit('two', 1, 2)

    t.strictSame(heard, [[], [1, 2]])
    t.throws(() => connection.emit('error', new Error('nobody listens')), /nobody listens/)
  })
})

t.test('another emitter stays as it is', async t => {
  const emit = () => true
  const other = { emit }

  emitMessagesDirectly(other)

  t.equal(other.emit, emit)
})
