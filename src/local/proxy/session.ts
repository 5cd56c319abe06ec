/**
 * Owns what is between a client and the compute: the way in, which may wake the compute, the
 * bytes of the session, and its end.
 */
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { Compute } from '../compute.ts'
import type { LocalNeonListener } from '../events.ts'
import { ignore } from '../failure.ts'
import type { Meter } from '../meter.ts'
import type { Pooler } from '../pooler/pooler.ts'
import { type Backend, BackendRefusal, openBackend } from '../postgres/backend.ts'
import { ProtocolError, proxyError } from '../protocol/messages.ts'
import { inWordsOfProxy } from '../protocol/startup.ts'
import type { Link, Links } from './link.ts'
import { type Login, type LoginOptions, logIn } from './login.ts'
import { LOGIN_TIMED_OUT, REFUSALS, Refusal } from './refusals.ts'
import { relay, type Session } from './relay.ts'
import { createTaps } from './taps.ts'

export interface SessionOptions extends LoginOptions {
  compute: Compute
  pooler: Pooler
  links: Links
  meter: Meter
  clock: Clock
  onEvent: LocalNeonListener
}

export interface Sessions {
  /** Speaks the protocol with a client on `stream`, until one of them goes. */
  serve(stream: Duplex, link: Link): Promise<void>
  /** Ends those who came through a pooled host, without a word: PgBouncer is killed when a compute stops. */
  dropPooled(): void
  /** Ends all, those that are not logged in yet as well. */
  close(): void
}

interface OpenSession extends Session {
  isPooled: boolean
}

/** As long as Neon's proxy waits for the start-up packet, and for the password. */
const LOGIN_DEADLINE_MS = 15_000
/** As often as Neon's proxy (proxy/src/config.rs). */
const CONNECT_ATTEMPTS = 5

export function createSessions(options: SessionOptions): Sessions {
  const { compute, pooler, faults, links, meter, clock, onEvent } = options
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

  async function serve(stream: Duplex, link: Link): Promise<void> {
    streams.add(stream)
    stream.once('close', () => streams.delete(stream))
    // 'close' follows.
    stream.on('error', ignore)
    try {
      const login = await inTime(logIn(stream, link, options))
      if (login.kind === 'cancel') cancel(stream, login.packet)
      else await begin(stream, link, login)
    } catch (error) {
      if (error instanceof ProtocolError) stream.destroy()
      else refuse(stream, error)
    }
  }

  async function inTime(login: Promise<Login>): Promise<Login> {
    const timer = new AbortController()
    const late = clock.sleep(LOGIN_DEADLINE_MS, timer.signal).then(() => {
      throw new Refusal(LOGIN_TIMED_OUT)
    })
    try {
      return await Promise.race([login, late])
    } finally {
      timer.abort()
      late.catch(ignore)
    }
  }

  /** Nobody is woken for it: while the compute sleeps there is nothing to cancel. */
  function cancel(stream: Duplex, packet: Buffer): void {
    stream.end()
    // Whose key it is does not show, and the others know none of it.
    for (const socketPath of [compute.running?.postgres.socketPath, pooler.socketPath])
      if (socketPath !== undefined) connect(socketPath).on('error', ignore).end(packet)
  }

  async function begin(
    stream: Duplex,
    link: Link,
    { facts, parameters }: Extract<Login, { kind: 'session' }>
  ): Promise<void> {
    Object.assign(link.facts, facts)
    links.update(link)
    refuseIfFull(link)
    arriving += 1
    try {
      const backend = await openAtCompute(parameters, facts.isPooled)
      if (stream.destroyed) return void backend.socket.destroy()
      stream.write(backend.greeting)
      meter.onSession()
      onEvent({ type: 'login', processId: backend.processId, ...facts })
      connectThrough(stream, link, backend, facts.isPooled)
    } finally {
      arriving -= 1
    }
  }

  /** Who is on the way has a place already: of many at once no more get in. */
  function refuseIfFull(link: Link): void {
    if (!faults.areThere) return
    const full = faults.meet('connection-limit', link, ({ limit }) => open.size + arriving >= limit)
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

  function connectThrough(stream: Duplex, link: Link, backend: Backend, isPooled: boolean): void {
    const { socket } = backend
    const { close } = relay(stream, socket, createTaps({ link, backend: socket, faults, meter, compute }))
    const session = { isPooled, close: isPooled ? dropBoth : close }
    open.add(session)
    socket.once('close', () => open.delete(session))

    function dropBoth() {
      stream.destroy()
      socket.destroy()
    }
  }

  function refuse(stream: Duplex, error: unknown): void {
    // Whatever else goes wrong on the way to the compute has one text in Neon's proxy.
    const isSaid = error instanceof Refusal || error instanceof BackendRefusal
    const text = isSaid ? inWordsOfProxy(error.message) : REFUSALS['compute-unreachable']
    onEvent({ type: 'login-refused', message: text })
    stream.end(proxyError(text))
    // Read on, or the client's end would never be seen.
    stream.resume()
  }
}
