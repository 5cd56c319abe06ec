/**
 * What the way to the compute is like when the compute, or the client, is gone by then.
 */
import t, { type Test } from 'tap'
import { systemClock } from '../../src/clock.ts'
import type { Compute, Running } from '../../src/compute.ts'
import { createFaults } from '../../src/faults/registry.ts'
import { createMeter } from '../../src/meter.ts'
import { readMessage } from '../../src/protocol/messages.ts'
import type { Connection } from '../../src/proxy/connection.ts'
import { createSessions } from '../../src/proxy/session.ts'
import { until } from '../fixtures/sandbox.ts'
import { authenticate, verifierOf } from '../fixtures/scram-client.ts'
import { scriptedPostgres } from '../fixtures/scripted-postgres.ts'
import { startup } from '../fixtures/wire.ts'
import { connected } from '../fixtures/wired.ts'

const PASSWORD = 'secret'
const NOWHERE = '/nowhere/.s.PGSQL.5432'

t.test('a session', async t => {
  t.test('wakes the compute again that went to sleep on the way to it', async t => {
    const postgres = await scriptedPostgres(t)
    const { client, wakes, served } = await arrive(t, [NOWHERE, NOWHERE, postgres.socketPath], {
      isAsleep: true
    })

    await logIn(client)
    await until('the session is there', () => served.meter.read().sessions === 1)

    t.equal(wakes(), 3)
    t.equal(postgres.sessions.length, 1)
  })

  t.test('is refused after five of them', async t => {
    const { client, wakes } = await arrive(t, [NOWHERE])

    await logIn(client)

    t.match(await refusalTo(client), /Couldn't connect to compute node/)
    t.equal(wakes(), 5)
  })

  t.test('is refused at once by a compute that is awake and cannot be reached', async t => {
    const { client, wakes } = await arrive(t, [NOWHERE], { isStill: true })

    await logIn(client)

    t.match(await refusalTo(client), /Couldn't connect to compute node/)
    t.equal(wakes(), 1)
  })

  t.test('is not begun for a client that has gone meanwhile, and leaves no backend', async t => {
    const postgres = await scriptedPostgres(t)
    const { client, served, gate } = await arrive(t, [postgres.socketPath], { isGated: true })
    await logIn(client)
    await gate.reached

    // As when its reset has come.
    served.stream.destroy()
    gate.open()

    await until(
      'a backend has come and gone',
      () => postgres.sessions.length === 1 && postgres.open.size === 0
    )
    t.equal(served.meter.read().sessions, 0)
  })
})

interface Arrival {
  /** The compute has gone to sleep when its Postgres is not found; otherwise it runs another one by then. */
  isAsleep?: boolean
  /** The Postgres at each of the paths is the one that runs, until the next wake. */
  isStill?: boolean
  /** A wake waits until the gate is opened. */
  isGated?: boolean
}

/** A client of a proxy whose compute has these sockets, one after the other; the last one stays. */
async function arrive(t: Test, socketPaths: string[], { isAsleep, isStill, isGated }: Arrival = {}) {
  const { client, socket } = await connected(t)
  const meter = createMeter(systemClock)
  const faults = createFaults(
    () => {},
    () => {}
  )
  let wakes = 0
  let [reach, open] = [() => {}, () => {}]
  const reached = new Promise<void>(resolve => {
    reach = resolve
  })
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  let running: Running | undefined
  const compute = {
    state: isAsleep ? 'asleep' : 'awake',
    get running() {
      return running
    },
    async wake() {
      wakes += 1
      reach()
      if (isGated) await opened
      const socketPath = socketPaths[Math.min(wakes, socketPaths.length) - 1]
      const found = { postgres: { socketPath } } as unknown as Running
      running = isStill ? found : undefined
      return found
    },
    touch() {}
  } as unknown as Compute
  const sessions = createSessions({
    compute,
    pooler: { open: async () => undefined, socketPath: undefined, stop: async () => {} },
    roles: { verifierOf: async () => verifierOf(PASSWORD), refresh: async () => {} },
    faults,
    connections: { open: () => link, update() {}, onFaultChange() {} },
    meter,
    clock: systemClock,
    endpoints: ['ep-local'],
    requiresTls: false,
    onEvent() {}
  })
  const link: Connection = {
    facts: { transport: 'tcp' },
    ticket: 1,
    stream: socket,
    host: undefined,
    isSecure: false,
    channelBinding: undefined,
    disconnect() {},
    breakOff: last => void socket.end(last ?? ''),
    reset() {}
  }
  t.teardown(sessions.close)
  sessions.serve(socket, link)
  return { client, wakes: () => wakes, served: { meter, stream: socket }, gate: { reached, open } }
}

async function logIn(client: Parameters<typeof authenticate>[0]): Promise<void> {
  client.write(startup({ user: 'alex' }))
  await authenticate(client, { password: PASSWORD })
}

/** Behind AuthenticationOk, with which it comes. */
async function refusalTo(client: Parameters<typeof authenticate>[0]): Promise<string> {
  await readMessage(client)
  return String((await readMessage(client)).body)
}
