import t from 'tap'
import { checkFault, FAULT_TYPES, refusalText } from '../../src/faults/fault.ts'

t.test('a fault', async t => {
  for (const fault of [
    { type: 'latency', toServerMs: 0.5, toClientMs: 86_400_000, jitterMs: 0, connections: 'new' },
    { type: 'bandwidth', toServerBytesPerSecond: 1, connections: 'existing' },
    { type: 'blackhole', direction: 'to-client', connections: 'all' },
    { type: 'hang', forMs: 60_000, connections: 'existing' },
    { type: 'ping', answered: 'never', connections: 'new' },
    { type: 'reset' },
    { type: 'close', code: 1001 },
    { type: 'close', code: 4999 },
    { type: 'truncate' },
    { type: 'garble', after: 2, times: 1 },
    { type: 'upgrade', status: 503 },
    { type: 'upgrade', status: 'never' },
    { type: 'login', message: 'quota-exceeded' },
    { type: 'login', message: 'words of your own' },
    { type: 'wake', delayMs: 5000 },
    { type: 'wake', message: 'control-plane' },
    { type: 'commit', lose: 'acknowledgement' },
    { type: 'connection-limit', limit: 0 },
    { type: 'certificate', flaw: 'expired' },
    {
      type: 'reset',
      where: { transport: 'ws', endpoint: 'a', user: 'b', database: 'c', applicationName: 'd' }
    }
  ]) {
    t.test(`is taken: ${JSON.stringify(fault)}`, async t => {
      t.equal(checkFault(fault), fault)
    })
  }

  const ALL_TYPES = `A fault has one of these types: ${FAULT_TYPES.join(', ')}`
  for (const [fault, message] of [
    [undefined, ALL_TYPES],
    [null, ALL_TYPES],
    ['latency', ALL_TYPES],
    [{}, ALL_TYPES],
    [{ type: 'toString' }, ALL_TYPES],
    [{ type: 'latency', toServerMs: -1 }, /^The fault latency is not valid: toServerMs: /],
    [{ type: 'latency', toServerMs: Number.NaN }, /toServerMs/],
    [{ type: 'latency', toClientMs: Number.POSITIVE_INFINITY }, /toClientMs/],
    [{ type: 'latency', toServer: 1 }, /toServer: Unexpected property/],
    [{ type: 'bandwidth', toClientBytesPerSecond: 0 }, /toClientBytesPerSecond/],
    [{ type: 'blackhole' }, /direction: Expected required property/],
    [{ type: 'reset', connections: 'old' }, /connections/],
    [{ type: 'reset', times: 0 }, /times/],
    [{ type: 'reset', after: 1.5 }, /after/],
    [{ type: 'reset', where: { transport: 'udp' } }, /where\.transport/],
    [{ type: 'reset', where: { color: 'red' } }, /where\.color: Unexpected property/],
    [{ type: 'upgrade', status: 500 }, /status/],
    [{ type: 'ping', answered: 'late' }, /answered/],
    [{ type: 'hang', forMs: -1 }, /forMs/],
    [{ type: 'login' }, /message/],
    [{ type: 'login', message: 'typo' }, /message/],
    [{ type: 'certificate', flaw: 'none' }, /flaw/]
  ] as const) {
    t.test(`is refused: ${JSON.stringify(fault)}`, async t => {
      t.throws(() => checkFault(fault), { code: 'LOCAL_NEON_FAULT_INVALID', message })
    })
  }

  for (const code of [999, 1004, 1005, 1006, 1015, 2999, 5000]) {
    t.test(`is refused as a close with ${code}, which no WebSocket may be closed with`, async t => {
      t.throws(() => checkFault({ type: 'close', code }), {
        code: 'LOCAL_NEON_FAULT_INVALID',
        message: /^The fault close is not valid: code: /
      })
    })
  }
})

t.test('the text of a refusal', async t => {
  t.test("is Neon's, by its name", async t => {
    t.equal(refusalText('compute-unreachable'), "Couldn't connect to compute node")
  })

  t.test('is any other as it stands', async t => {
    t.equal(refusalText('words of your own'), 'words of your own')
    t.equal(refusalText('constructor'), 'constructor')
  })
})
