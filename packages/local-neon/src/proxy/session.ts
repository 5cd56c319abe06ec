/**
 * Owns what is between a client and the compute: the way in, which may wake the compute, the
 * bytes of the session, and its end.
 */
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Compute } from '../compute.ts'
import type { LocalNeonListener } from '../events.ts'
import { ignore } from '../failure.ts'
import type { Meter } from '../meter.ts'
import type { Pooler } from '../pooler/pooler.ts'
import { type Backend, BackendRefusal, openBackend } from '../postgres/backend.ts'
import { ProtocolError, proxyError, UnexpectedMessageError } from '../protocol/messages.ts'
import { inWordsOfProxy } from '../protocol/startup.ts'
import type { Connection, Connections } from './connection.ts'
import { type Login, type LoginOptions, logIn } from './login.ts'
import { INTERNAL_ERROR, REFUSALS, Refusal } from './refusals.ts'
import { destroyLater, relay, type Session } from './relay.ts'
import { createTaps } from './taps.ts'

export interface SessionOptions extends LoginOptions {
  compute: Compute
  pooler: Pooler
  connections: Connections
  meter: Meter
  onEvent: LocalNeonListener
}

export interface Sessions {
  /** Speaks the protocol with a client on `stream`, until one of them goes. */
  serve(stream: Duplex, connection: Connection): Promise<void>
  /** Ends those who came through a pooled host, without a word: PgBouncer is killed when a compute stops. */
  dropPooled(): void
  /** Ends all, those that are not logged in yet as well. */
  close(): void
}

interface OpenSession extends Session {
  isPooled: boolean
}

/** As often as Neon's proxy (proxy/src/config.rs). */
const CONNECT_ATTEMPTS = 5

export function createSessions(options: SessionOptions): Sessions {
  const { compute, pooler, faults, connections, meter, onEvent } = options
  const streams = new Set<Duplex>()
  const open = new Set<OpenSession>()
  /** Logins that are on their way to Postgres. */
  let arriving = 0
  let hasToldOfPooling = false

  return {
    serve,
    dropPooled() {
      for (const session of open) if (session.isPooled) session.close()
    },
    close() {
      for (const session of open) session.close()
      for (const stream of streams) stream.destroy()
    }
  }

  async function serve(stream: Duplex, connection: Connection): Promise<void> {
    streams.add(stream)
    stream.once('close', () => streams.delete(stream))
    // 'close' follows.
    stream.on('error', ignore)
    try {
      const login = await logIn(stream, connection, options)
      if (login.kind === 'session') return await begin(stream, connection, login)
      cancel(login.packet)
      breakOff(stream, connection)
    } catch (error) {
      const isUnreadable = error instanceof ProtocolError && !(error instanceof UnexpectedMessageError)
      if (isUnreadable) stream.destroy()
      else refuse(stream, connection, error)
    }
  }

  /** Nobody is woken for it: while the compute sleeps there is nothing to cancel. */
  function cancel(packet: Buffer): void {
    // Whose key it is does not show, and the others know none of it.
    for (const socketPath of [compute.running?.postgres.socketPath, pooler.socketPath])
      if (socketPath !== undefined) connect(socketPath).on('error', ignore).end(packet)
  }

  async function begin(
    stream: Duplex,
    connection: Connection,
    { facts, parameters }: Extract<Login, { kind: 'session' }>
  ): Promise<void> {
    Object.assign(connection.facts, facts)
    connections.update(connection)
    refuseIfFull(connection)
    arriving += 1
    try {
      const backend = await openAtCompute(parameters, facts.isPooled)
      if (stream.destroyed) return void backend.socket.destroy()
      stream.write(backend.greeting)
      stream.uncork()
      meter.onSession()
      onEvent({ type: 'login', processId: backend.processId, ...facts })
      connectThrough(stream, connection, backend, facts.isPooled)
    } finally {
      arriving -= 1
    }
  }

  /** Who is on the way has a place already: of many at once no more get in. */
  function refuseIfFull(connection: Connection): void {
    if (!faults.areThere) return
    const full = faults.meet('connection-limit', connection, ({ limit }) => open.size + arriving >= limit)
    if (full) throw new Refusal(REFUSALS['too-many-clients'])
  }

  function tellOfPooling(): void {
    if (!hasToldOfPooling) onEvent({ type: 'pooling-not-emulated' })
    hasToldOfPooling = true
  }

  async function openAtCompute(
    parameters: Map<string, string>,
    isPooled: boolean,
    attempt = 1
  ): Promise<Backend> {
    const { postgres } = await compute.wake()
    compute.touch()
    try {
      const poolerPath = isPooled ? await pooler.open(postgres) : undefined
      if (poolerPath !== undefined) return await openBackend(poolerPath, parameters)
      if (isPooled) tellOfPooling()
      return await openBackend(postgres.socketPath, parameters)
    } catch (error) {
      // It went to sleep between the two, and is woken again.
      const isStillThere = compute.state === 'awake' && compute.running?.postgres === postgres
      if (isStillThere || attempt === CONNECT_ATTEMPTS) throw error
      return openAtCompute(parameters, isPooled, attempt + 1)
    }
  }

  function connectThrough(stream: Duplex, connection: Connection, backend: Backend, isPooled: boolean): void {
    const { socket } = backend
    const { close } = relay(
      stream,
      socket,
      createTaps({ connection, backend: socket, faults, meter, compute })
    )
    const session = { isPooled, close: isPooled ? dropBoth : close }
    open.add(session)
    socket.once('close', () => open.delete(session))
    // What runs there for nobody is ended; Neon's pooler lets it run on.
    if (!isPooled) stream.once('close', () => socket.readable && cancel(backend.cancelRequest))

    function dropBoth() {
      stream.destroy()
      socket.destroy()
    }
  }

  function refuse(stream: Duplex, connection: Connection, error: unknown): void {
    const text = textOf(error)
    onEvent({ type: 'login-refused', message: text })
    breakOff(stream, connection, proxyError(text))
  }

  function breakOff(stream: Duplex, connection: Connection, last?: Buffer): void {
    connection.breakOff(last)
    // Read on, or the client's end would never be seen.
    stream.resume()
    destroyLater(stream)
  }
}

function textOf(error: unknown): string {
  if (error instanceof Refusal || error instanceof BackendRefusal) return inWordsOfProxy(error.message)
  if (error instanceof UnexpectedMessageError) return INTERNAL_ERROR
  // Whatever else goes wrong on the way to the compute has one text in Neon's proxy.
  return REFUSALS['compute-unreachable']
}
