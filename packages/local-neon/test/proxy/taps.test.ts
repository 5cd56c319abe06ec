import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { Compute } from '../../src/compute.ts'
import type { Fault } from '../../src/faults/fault.ts'
import { createFaults } from '../../src/faults/registry.ts'
import { createMeter } from '../../src/meter.ts'
import { BACKEND, FRONTEND, message } from '../../src/protocol/messages.ts'
import type { Connection } from '../../src/proxy/connection.ts'
import { createTaps } from '../../src/proxy/taps.ts'
import { createManualClock } from '../fixtures/manual-clock.ts'

const query = (sql: string) => message(FRONTEND.QUERY, `${sql}\0`)
const parse = (name: string, sql: string) => message(FRONTEND.PARSE, `${name}\0${sql}\0`, Buffer.alloc(2))
const done = (tag: string) => message(BACKEND.COMMAND_COMPLETE, `${tag}\0`)
const SYNC = message(FRONTEND.SYNC)

t.test('the taps', async t => {
  t.test('pass everything on as it is', async t => {
    const { toServer, toClient } = track()
    const chunk = Buffer.concat([query('COMMIT'), SYNC])

    t.equal(toServer(chunk), chunk)
    t.equal(toClient(chunk), chunk)
  })

  t.test('count statements of both protocols', async t => {
    const { toServer, toClient, meter } = track()

    toServer(query('SELECT 1'))
    toServer(Buffer.concat([parse('', 'SELECT 2'), message(FRONTEND.EXECUTE, '\0', Buffer.alloc(4)), SYNC]))
    toClient(done('SELECT 1'))

    t.equal(meter.read().queries, 2)
  })

  t.test(
    'tell of activity by what a client says and by the end of a statement, and not by a farewell',
    async t => {
      const { toServer, toClient, touches } = track()

      toServer(query('SELECT 1'))
      t.equal(touches(), 1)
      toClient(message(BACKEND.READY_FOR_QUERY, 'I'))
      t.equal(touches(), 2)
      toClient(done('SELECT 1'))
      toServer(message(FRONTEND.TERMINATE))

      t.equal(touches(), 2)
    }
  )
})

t.test('a lost COMMIT', async t => {
  for (const [what, commit] of [
    ['alone', query('COMMIT')],
    ['in small letters, with space before it', query('\n  commit;')],
    ['by its other name', query('END')],
    ['with more', query('COMMIT AND CHAIN')],
    ['of the extended protocol', parse('', 'COMMIT')],
    ['that is prepared', parse('name', 'commit')]
  ] as const) {
    t.test(`never gets to Postgres: ${what}`, async t => {
      const { toServer, toClient, resets, backend } = track({ type: 'commit', lose: 'request' })
      const before = query('INSERT INTO a VALUES (1)')

      const passed = toServer(Buffer.concat([before, commit, SYNC]))
      const later = [toServer(SYNC), toClient(done('INSERT 0 1'))]
      await setImmediate()

      t.strictSame(passed, before)
      t.strictSame(later, [Buffer.alloc(0), Buffer.alloc(0)])
      t.equal(resets(), 1)
      t.equal(backend.writableEnded, true)
    })
  }

  t.test('is cut off in the middle when its first half has passed', async t => {
    const { toServer, resets } = track({ type: 'commit', lose: 'request' })
    const commit = query('COMMIT')

    const passed = [toServer(commit.subarray(0, 6)), toServer(commit.subarray(6))]
    await setImmediate()

    t.strictSame(passed, [commit.subarray(0, 6), Buffer.alloc(0)])
    t.equal(resets(), 1)
  })

  for (const [what, other] of [
    ['another statement', query('SELECT 1')],
    ['a word that begins alike', query('COMMITTED')],
    ['a COMMIT that is not first', query("SELECT 'COMMIT'")],
    ['another message', message(FRONTEND.EXECUTE, 'COMMIT\0', Buffer.alloc(4))],
    ['a name that is called so', parse('COMMIT', 'SELECT 1')],
    ['a name of which no end is seen', parse('n'.repeat(100), 'COMMIT')]
  ] as const) {
    t.test(`is not taken for ${what}`, async t => {
      const { toServer, resets } = track({ type: 'commit', lose: 'request' })

      t.equal(toServer(other), other)
      await setImmediate()
      t.equal(resets(), 0)
    })
  }

  t.test('is counted once, whatever comes behind it', async t => {
    const { toServer, injections } = track({ type: 'commit', lose: 'request' })

    toServer(Buffer.concat([query('COMMIT'), query('COMMIT')]))

    t.equal(injections[0]?.hits, 1)
  })
})

t.test('a lost acknowledgement', async t => {
  t.test('never gets to the client, though Postgres has got the COMMIT', async t => {
    const { toServer, toClient, resets, backend } = track({ type: 'commit', lose: 'acknowledgement' })
    const commit = query('COMMIT')
    const before = done('INSERT 0 1')

    const sent = toServer(commit)
    const told = toClient(Buffer.concat([before, done('COMMIT'), done('COMMIT')]))
    const later = toClient(done('SELECT 1'))
    await setImmediate()

    t.equal(sent, commit)
    t.strictSame(told, before)
    t.strictSame(later, Buffer.alloc(0))
    t.equal(resets(), 1)
    t.equal(backend.writableEnded, true)
  })

  t.test('is not taken for another tag', async t => {
    const { toClient, resets } = track({ type: 'commit', lose: 'acknowledgement' })
    const chunk = Buffer.concat([done('ROLLBACK'), message(0x44, 'COMMIT\0')])

    t.equal(toClient(chunk), chunk)
    await setImmediate()
    t.equal(resets(), 0)
  })
})

t.test('damage', async t => {
  t.test('makes noise of the next bytes to the client', async t => {
    const { toClient } = track({ type: 'garble', times: 1 })

    const told = [toClient(Buffer.from('abc')), toClient(Buffer.from('def'))]

    t.strictSame(told, [Buffer.from([0xff, 0xff, 0xff]), Buffer.from('def')])
  })

  t.test('takes the second half of the next bytes to the client', async t => {
    const { toClient } = track({ type: 'truncate', times: 1 })

    const told = [toClient(Buffer.from('abc')), toClient(Buffer.from('def'))]

    t.strictSame(told, [Buffer.from('a'), Buffer.from('def')])
  })

  t.test('leaves what goes to Postgres alone', async t => {
    const { toServer } = track({ type: 'garble' }, { type: 'truncate' })

    t.strictSame(toServer(Buffer.from('abc')), Buffer.from('abc'))
  })
})

function track(...all: Fault[]) {
  const faults = createFaults(
    () => {},
    () => {}
  )
  const injections = all.map(faults.inject)
  const meter = createMeter(createManualClock())
  const backend = new PassThrough()
  let resets = 0
  let touches = 0
  const link = {
    facts: { transport: 'ws' },
    ticket: faults.ticket(),
    reset: () => {
      resets += 1
    }
  } as unknown as Connection
  const compute = {
    touch: () => {
      touches += 1
    }
  } as unknown as Compute
  const taps = createTaps({ connection: link, backend, faults, meter, compute })
  return { ...taps, injections, meter, backend, resets: () => resets, touches: () => touches }
}
