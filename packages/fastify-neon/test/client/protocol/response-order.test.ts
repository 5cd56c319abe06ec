import t from 'tap'
import { createFrontendMessages } from '../../../src/client/protocol/frontend-messages.ts'
import { createResponseOrder } from '../../../src/client/protocol/response-order.ts'
import { message } from '../../support/scripted-server.ts'

const text = (value: string) => [...Buffer.from(value), 0]
const error = (severity: string, code = '40001') =>
  message('E', [...text(`S${severity}`), ...text(`C${code}`), ...text('Msecret'), 0])
const column = (name: string) => [...text(name), ...Array<number>(18).fill(0)]

/** By the letters of the tests. */
const MESSAGES: Readonly<Record<string, number[]>> = {
  '1': message('1', []),
  '2': message('2', []),
  '3': message('3', []),
  t: message('t', [0, 0]),
  n: message('n', []),
  T: message('T', [0, 1, ...column('a')]),
  D: message('D', [0, 1, 0, 0, 0, 1, 65]),
  /** Two columns, of which one is null. */
  W: message('D', [0, 2, 0, 0, 0, 1, 65, 255, 255, 255, 255]),
  C: message('C', text('SELECT 1')),
  /** Without a number, and with another. */
  X: message('C', text('EXPLAIN')),
  B: message('C', text('SELECT 12')),
  i: message('C', text('INSERT 0 1')),
  I: message('I', []),
  s: message('s', []),
  G: message('G', [0, 0, 0]),
  H: message('H', [0, 0, 0]),
  d: message('d', [65]),
  c: message('c', []),
  E: error('ERROR'),
  F: error('FATAL', '57P01'),
  /** Of a server that speaks another language. */
  L: message('E', [...text('SВАЖНО'), ...text('VFATAL'), ...text('C57P01'), 0]),
  N: message('N', [...text('SNOTICE'), ...text('Mhello'), 0]),
  S: message('S', [...text('TimeZone'), ...text('UTC')]),
  A: message('A', [0, 0, 0, 1, ...text('channel'), ...text('')]),
  K: message('K', [0, 0, 0, 1, 0, 0, 0, 2]),
  O: message('R', [0, 0, 0, 0]),
  P: message('R', [0, 0, 0, 3]),
  Z: message('Z', [0x49])
}

const bytesOf = (letters: string) => Buffer.from([...letters].flatMap(letter => MESSAGES[letter] ?? []))

const messages = createFrontendMessages()
const query = (sql: string) => Buffer.from(message('Q', text(sql)))
const letter = (name: string, body: number[] = []) => Buffer.from(message(name, body))

function pipeline(statements = 1, { isQuiet = false } = {}): Buffer {
  for (let statement = 0; statement < statements; statement += 1) {
    messages.parse('', 'select $1')
    messages.bind('', ['x'])
    if (!isQuiet) messages.describePortal()
    messages.execute()
  }
  messages.sync()
  return messages.take()
}

/** A connection that has sent this. */
function connected(...sent: Uint8Array[]) {
  const order = createResponseOrder()
  order.sent(Buffer.from([0, 0, 0, 8, 0, 3, 0, 0]))
  order.admits(bytesOf('PONSKZ'))
  for (const bytes of sent) order.sent(bytes)
  return { ...order, takes: (letters: string) => order.admits(bytesOf(letters)) }
}

const ONE = '12TDCZ'

t.test('an answer in its order', async t => {
  const sent: readonly [string, Uint8Array[], string[]][] = [
    ['nothing', [], ['', 'N', 'S', 'A', 'F', 'L']],
    ['a bare Sync', [letter('S')], ['Z', 'EZ']],
    [
      'a pipeline',
      [pipeline()],
      [
        ONE,
        '12nBZ',
        '12nCZ',
        '12nIZ',
        'EZ',
        '1EZ',
        '12TEZ',
        '12TDEZ',
        '12TDCEZ',
        '12TDDXZ',
        '12TDDDDDDDDDDDDBZ',
        'N1S2ATDNCSZA'
      ]
    ],
    ['a quiet one', [pipeline(1, { isQuiet: true })], ['12CZ', '12DDCZ', '12WCZ']],
    ['two statements in it', [pipeline(2)], ['12TDC12nCZ', '12TDCEZ', '12TDC12TDEZ', 'EZ']],
    ['two pipelines', [pipeline(), pipeline()], [ONE + ONE, `EZ${ONE}`, `${ONE}EZ`]],
    ['a simple query', [query('select 1')], ['TDCZ', 'TXZ', 'CZ', 'IZ', 'EZ', 'TDEZ', 'TDCFZ']],
    ['several in one', [query('select 1; select 2')], ['TDCTDCZ', 'CTDCCZ', 'TDCBZ', 'TDCEZ', 'TDCTDEZ']],
    ['a simple one of a table with a rule', [query('insert into a values (1)')], ['TDDiZ', 'iZ']],
    ['an empty one behind a pipeline', [pipeline(), query('')], [`${ONE}IZ`]],
    ['a COPY to the client', [query('copy a to stdout')], ['HdddcCZ', 'HcCZ', 'HdEZ', 'EZ']],
    ['a COPY from the client', [query('copy a from stdin')], ['GCZ', 'GEZ']],
    [
      'a portal in parts',
      [letter('D', [0x53, 0]), letter('E', [0, 0, 0, 0, 2]), letter('E', [0, 0, 0, 0, 2]), letter('S')],
      ['tTDDsDDDCZ', 'tnsCZ', 'tTssZ']
    ],
    ['a Close, and what is not answered', [letter('H'), letter('C', [0x50, 0]), letter('S')], ['3Z']]
  ]
  for (const [name, written, answers] of sent)
    for (const answer of answers) {
      t.ok(connected(...written).takes(answer), `${name}: ${answer}`)
      const { takes } = connected(...written)
      t.ok([...answer].every(takes), `${name}: ${answer}, message by message`)
    }
})

t.test('an answer that is not in its order', async t => {
  const letters = Object.keys(MESSAGES)
  const asynchronous = 'NSAFL'
  // What may stand in place of the message there.
  const sent: readonly [string, Uint8Array[], string, string[]][] = [
    ['a pipeline', [pipeline()], ONE, ['E', 'E', 'nE', 'DXE', 'DCXiE', 'ZE', '']],
    ['a simple query', [query('select 1')], 'TDCZ', ['TCXBiIEGH', 'DXiE', 'DCXiE', 'ZE', '']],
    ['a bare Sync', [letter('S')], 'Z', ['ZE', '']],
    ['a failed pipeline', [pipeline()], '1EZ', ['1E', '2E', 'Z', '']]
  ]
  for (const [name, written, answer, allowed] of sent)
    for (let at = 0; at <= answer.length; at += 1)
      for (const stray of letters) {
        const { takes } = connected(...written)
        t.ok(takes(answer.slice(0, at)))
        const belongs = asynchronous.includes(stray) || answer[at] === stray || allowed[at]?.includes(stray)
        t.equal(takes(stray), Boolean(belongs), `${name}: ${stray} behind ${answer.slice(0, at)}`)
        if (!belongs) t.notOk(takes('N'), 'and nothing is taken any more')
      }
})

t.test('an answer twice, or to what was not sent', async t => {
  t.notOk(connected(pipeline()).takes(ONE + ONE), 'is refused whole')
  t.notOk(
    connected(pipeline(), pipeline()).takes(`${ONE}Z${ONE}`),
    'with a ReadyForQuery between two pipelines'
  )
  t.notOk(connected(pipeline()).takes('12TDDC'), 'a row more than there are')
  t.notOk(connected(pipeline()).takes('12TC'), 'a row less')
  t.notOk(connected(pipeline()).takes('12TDB'), 'many rows less')
  t.notOk(connected(pipeline()).takes('12TDCC'), 'a tag too many')
  t.notOk(connected(query('select 1')).takes('TDCTDCZ'), 'two results of one statement')
  t.notOk(connected(pipeline()).takes('12TW'), 'a row of two columns where there is one')
  t.notOk(connected(pipeline()).takes('12nD'), 'a row where there are none')
  t.notOk(connected(query('copy a to stdout')).takes('HdC'), 'a COPY without its end')
  t.notOk(connected(query('select 1')).takes('TDZ'), 'without a tag')
  t.notOk(connected(pipeline()).takes('EE'), 'two errors')
  t.notOk(connected(pipeline()).takes('s'), 'a part of what was asked for whole')
})

t.test('an error without a Sync is over with the next one', async t => {
  const order = connected(letter('P', [0, 0, 0, 0]), letter('H'))

  t.ok(order.takes('E'))
  order.sent(pipeline())
  t.ok(order.takes('Z'))
  order.sent(pipeline())
  t.ok(order.takes(ONE))
})

t.test('a COPY from the client in the extended protocol swallows the Sync behind it', async t => {
  const failing = connected(pipeline())
  t.ok(failing.takes('12nG'))
  failing.sent(letter('f', [0]))
  t.ok(failing.takes('E'))
  failing.sent(letter('S'))
  t.ok(failing.takes('Z'))

  const copying = connected(pipeline())
  t.ok(copying.takes('12nG'))
  copying.sent(letter('d', [65]))
  copying.sent(letter('c'))
  copying.sent(letter('S'))
  t.ok(copying.takes('CZ'))
})

t.test('a message that is not as long as it says', async t => {
  const broken: readonly [string, number[]][] = [
    ['a row with fewer bytes', message('D', [0, 1, 0, 0, 0, 9, 65])],
    ['a row with more bytes', message('D', [0, 1, 0, 0, 0, 0, 65])],
    ['a row with fewer columns', message('D', [0, 2, 0, 0, 0, 1, 65])],
    ['a row of nothing', message('D', [])],
    ['a description of nothing', message('T', [])],
    ['a description with fewer columns', message('T', [0, 2, ...column('a')])],
    ['a description with a name that does not end', message('T', [0, 1, 65])],
    ['a description with more', message('T', [0, 1, ...column('a'), 0])],
    ['a tag without its end', message('C', [65])],
    ['a tag with more', message('C', [...text('A'), 65])],
    ['an error without a code', message('E', [...text('SERROR'), 0])],
    ['an error of nothing', message('E', [])],
    ['an error without its end', message('E', text('SERROR'))],
    ['an error with an empty field', message('E', [...text('C40001'), 0, 0])],
    ['a status that there is not', message('Z', [0x58])],
    ['a status of nothing', message('Z', [])],
    ['a setting without its value', message('S', text('TimeZone'))],
    ['a notification of nothing', message('A', [0, 0])],
    ['a notice of nothing', message('N', [])],
    ['a message of less than its length', [0x44, 0, 0, 0, 3]]
  ]
  for (const [name, bytes] of broken)
    for (const before of ['', '12', '12T', '12TDC']) {
      const { takes, admits } = connected(pipeline())
      takes(before)
      t.notOk(admits(Buffer.from(bytes)), `${name} behind ${before}`)
    }
})

t.test('a login', async t => {
  const order = () => {
    const { admits } = createResponseOrder()
    return (letters: string) => admits(bytesOf(letters))
  }
  for (const answer of ['PNOSSNKZ', 'OZ', 'PE', 'POE', 'POF', 'E']) t.ok(order()(answer), answer)
  for (const answer of [
    'Z',
    'PZ',
    'D',
    'POD',
    'OO',
    'OP',
    'K',
    'S',
    'C',
    'A',
    'OA',
    '1',
    'OC',
    'PT',
    'OZO',
    'OZK'
  ])
    t.notOk(order()(answer), answer)
  const { admits } = createResponseOrder()
  t.notOk(admits(Buffer.from(message('R', [0, 0, 0, 99]))), 'a request that nobody can answer')
  t.notOk(createResponseOrder().admits(Buffer.from(message('R', [0]))), 'half a request')
  t.notOk(createResponseOrder().admits(Buffer.from(message('~', []))), 'what there is not')
})

t.test('many pipelines, of which some are always awaited, leave nothing behind', async t => {
  const order = connected(pipeline())
  for (let count = 0; count < 1000; count += 1) {
    order.sent(pipeline())
    if (!order.takes(ONE)) return t.fail(`refused at ${count}`)
  }
  t.ok(order.takes(ONE))
  t.notOk(order.takes('Z'))
})
