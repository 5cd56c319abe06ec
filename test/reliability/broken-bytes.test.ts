import fc from 'fast-check'
import t from 'tap'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import { scenario } from './support/scenario.ts'
import { COMMAND_COMPLETE, type Link, messageOf, openFront, READY_FOR_QUERY } from './support/tamper.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })
const front = await openFront(t, neon)

const FATAL = messageOf('E', 'SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0')
const PASSWORD_PLEASE = messageOf('R', [0, 0, 0, 3])
/** First byte of the answer to it, and to SCRAM. */
const PASSWORD = 0x70

/** First byte of a Query, a Parse, a Bind and a Close. A login with broken bytes is a failure of its own. */
const STATEMENT = /[QPBC]/

/** What may become of the request whose own answer was tampered with. */
const HARM = /^FST_NEON_|^APP_INTERNAL$/

const setting = { neon, databaseUrl: front.through, limits: { statementTimeoutMs: 1000 } }

const FRAMES: readonly [string, (link: Link) => void][] = [
  ['text', link => link.send('select 1')],
  ['4 GiB', link => link.write(Buffer.from([0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0]))],
  ['more than a message may have', link => link.write(Buffer.from([0x82, 127, 0, 0, 0, 0, 0x04, 0, 0, 1]))],
  ['a mask', link => link.write(Buffer.from([0x82, 0x81, 0, 0, 0, 0, 0]))],
  ['an opcode that there is not', link => link.write(Buffer.from([0x83, 0]))]
]

scenario(t, 'a frame that no database sends, in front of an answer', setting, async (t, service) => {
  for (const [name, send] of FRAMES) {
    const { clientsLost } = service.stats()
    const undoRead = beforeNextAnswers([send])
    t.equal((await service.read('alice')).status, 200, `${name}: the read is sent again`)
    undoRead()

    const undoWrite = beforeNextAnswers([send])
    t.equal((await service.write('alice')).status, 201, `${name}: the transaction is begun again`)
    undoWrite()
    t.equal(service.stats().clientsLost, clientsLost + 2, `${name}: the link is not used again`)
  }
})

const MESSAGES: readonly [string, Buffer][] = [
  ['a row that nobody asked for', messageOf('D', [0, 1, 0, 0, 0, 1, 65])],
  ['a row with fewer bytes than it says', messageOf('D', [0, 9])],
  ['a description with fewer columns than it says', messageOf('T', [0xff, 0xff])],
  ['an end without a tag', messageOf('C')],
  ['a request for a password', messageOf('R', [0, 0, 0, 3])],
  ['a request for MD5', messageOf('R', [0, 0, 0, 5, 1, 2, 3, 4])],
  ['SCRAM that makes no sense', messageOf('R', [0, 0, 0, 11], 'nonsense')],
  ['a message that there is not', messageOf('~', 'nonsense')],
  ['a length below any', Buffer.from([0x44, 0, 0, 0, 0])]
]

scenario(t, 'a message that does not belong, in front of an answer', setting, async (t, service) => {
  await service.write('alice')
  for (const [name, message] of MESSAGES) {
    const undo = beforeNextAnswers([link => link.send(message)])
    const read = await service.read('alice')
    undo()
    if (read.status === 200) t.equal(read.body.items.length, 1, name)
    else t.match(read.code, HARM, name)

    const next = await service.read('alice')
    t.equal(next.status, 200, `${name}: harms no other request`)
    t.equal(next.body.items.length, 1)
  }
})

scenario(t, 'a message that does not belong, on a free link', setting, async (t, service) => {
  await service.write('alice')
  for (const [name, message] of MESSAGES) {
    // None whose login is under way, for which it would be an answer.
    await until(() => service.stats().total > 0 && service.stats().idle === service.stats().total)
    front.each(link => link.send(message))

    const next = await service.read('alice')
    t.equal(next.status, 200, name)
    t.equal(next.body.items.length, 1, name)
  }
})

scenario(t, 'any bytes in front of answers', setting, async (t, service) => {
  await service.write('alice')
  const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 40 }).map(bytes => Buffer.from(bytes))
  await fc.assert(
    fc.asyncProperty(fc.array(anyBytes, { minLength: 5, maxLength: 5 }), async frames => {
      const undo = beforeNextAnswers(frames.map(bytes => (link: Link) => link.send(bytes)))
      const reads = await Promise.all(frames.map(() => service.read('alice')))
      undo()
      for (const { status, code } of reads) if (status !== 200) t.match(code, HARM)
      const next = await service.read('alice')
      t.equal(next.status, 200)
      t.equal(next.body.items.length, 1)
    }),
    { numRuns: 4 }
  )
})

for (const type of ['truncate', 'garble'] as const) {
  scenario(
    t,
    `an answer of which the proxy makes something else: ${type}`,
    { neon, limits: { statementTimeoutMs: 1000 } },
    async (t, service) => {
      const fault = neon.inject({ type, times: 1, where: { applicationName: 'fastify-neon' } })

      const read = await service.read('alice')

      t.equal(fault.hits, 1)
      // What is cut short is waited for.
      if (read.status !== 200) t.match(read.code, /^FST_NEON_(?:UNREACHABLE|STATEMENT_TIMEOUT)$/)
      t.equal((await service.read('alice')).status, 200)
    }
  )
}

scenario(t, 'a login whose SCRAM makes no sense', setting, async (t, service) => {
  const undo = front.tamper({
    toClient: message =>
      message.equals(PASSWORD_PLEASE) ? messageOf('R', [0, 0, 0, 10], 'SCRAM-SHA-256', [0, 0]) : message,
    toServer(frame, link) {
      const isLogin = frame[0] === PASSWORD
      if (isLogin) link.send(messageOf('R', [0, 0, 0, 11], 'nonsense'))
      return isLogin
    }
  })
  front.dropOnUse()

  const read = await service.read('alice')
  undo()

  t.match(read, { status: 503, code: 'FST_NEON_CONNECT_FAILED' })
  t.equal(read.headers.get('retry-after'), null)
  t.equal(service.stats().connects, 1)
})

scenario(t, 'the end of the session right behind the tag of a COMMIT', setting, async (t, service) => {
  const undo = endBehind('COMMIT')

  const write = await service.write('alice')
  undo()

  t.equal(write.status, 201, 'is committed, and said to be')
  await until(() => service.stats().total === 0)
  t.match(service.stats(), { transactionsCommitted: 1, transactionsUnknown: 0 })
})

scenario(t, 'the end of the session right behind the rows of a read', setting, async (t, service) => {
  const undo = endBehind('SELECT')

  const read = await service.read('alice')
  undo()

  t.equal(read.status, 200, 'is read again')
  t.equal(service.stats().connects, 2, 'on a connection that is new')
})

/** Does each of these once, when the next statements have come and before they are passed on. */
function beforeNextAnswers(acts: ((link: Link) => void)[]) {
  const left = [...acts]
  return front.tamper({
    toServer(frame, link) {
      if (STATEMENT.test(frame.toString('latin1', 0, 1))) left.shift()?.(link)
      return false
    }
  })
}

/** Once, what ends a session comes in place of what ends the answer with this tag. */
function endBehind(tag: string) {
  let isNext = false
  let isDone = false
  return front.tamper({
    toClient(message, link) {
      if (message[0] === COMMAND_COMPLETE) isNext = message.includes(tag)
      if (isDone || !isNext || message[0] !== READY_FOR_QUERY) return message
      isDone = true
      link.send(FATAL)
      link.close()
      return undefined
    }
  })
}
