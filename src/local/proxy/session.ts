/**
 * Owns what happens between a client and the compute: the login that the proxy ends itself, as
 * Neon's does, and then the bytes, in which it only looks for what the meter and the faults need.
 */
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { Compute } from '../compute.ts'
import type { LocalNeonListener, LoginFacts } from '../events.ts'
import { ignore } from '../failure.ts'
import { refusalText } from '../faults/fault.ts'
import type { Faults } from '../faults/registry.ts'
import type { Meter } from '../meter.ts'
import { type Backend, BackendRefusal, openBackend } from '../postgres/backend.ts'
import {
  authentication,
  FRONTEND,
  int32,
  message,
  PROTOCOL_3_0,
  ProtocolError,
  proxyError,
  readMessage,
  readStartupPacket
} from '../protocol/messages.ts'
import { exchange, matches, type Verifier } from '../protocol/scram.ts'
import {
  endpointOption,
  forwardedParameters,
  parseStartup,
  pooledOptionsRefusal,
  type Startup
} from '../protocol/startup.ts'
import type { Roles } from '../roles.ts'
import type { Link, Links } from './link.ts'
import {
  LOGIN_TIMED_OUT,
  missingParameter,
  passwordFailed,
  REFUSALS,
  Refusal,
  TLS_REQUIRED
} from './refusals.ts'
import { relay, type Session } from './relay.ts'
import { routeOf } from './routing.ts'
import { createTaps } from './taps.ts'

export interface SessionOptions {
  compute: Compute
  roles: Roles
  faults: Faults
  links: Links
  meter: Meter
  clock: Clock
  endpoints: readonly string[]
  /** Refuses clients that come without TLS. */
  requiresTls: boolean
  onEvent: LocalNeonListener
}

export interface Sessions {
  /** Speaks the protocol with a client on `stream`, until one of them goes. */
  serve(stream: Duplex, link: Link): Promise<void>
  /** Ends those who came through a pooled host, without a word: PgBouncer is killed when a compute stops. */
  dropPooled(): void
  /** Ends all, those that are not logged in yet as well. */
  close(): void
  readonly size: number
}

interface OpenSession extends Session {
  isPooled: boolean
}

/** As long as Neon's proxy waits for the start-up packet, and for the password. */
const LOGIN_DEADLINE_MS = 15_000
const AUTHENTICATION_OK = 0
const CLEARTEXT_PASSWORD = 3
const NEGOTIATE_PROTOCOL_VERSION = 0x76
const REFUSED = 'N'

export function createSessions(options: SessionOptions): Sessions {
  const { compute, roles, faults, links, meter, clock, endpoints, requiresTls, onEvent } = options
  const streams = new Set<Duplex>()
  const open = new Set<OpenSession>()
  let hasToldOfPooling = false

  return {
    serve,
    dropPooled() {
      for (const session of open) if (session.isPooled) session.close()
    },
    close() {
      for (const stream of streams) stream.destroy()
      for (const session of open) session.close()
    },
    get size() {
      return open.size
    }
  }

  async function serve(stream: Duplex, link: Link): Promise<void> {
    streams.add(stream)
    stream.once('close', () => streams.delete(stream))
    stream.on('error', ignore)
    try {
      await begin(stream, link)
    } catch (error) {
      if (error instanceof ProtocolError) return void stream.destroy()
      refuse(stream, error)
    }
  }

  function refuse(stream: Duplex, error: unknown): void {
    // Whatever else goes wrong on the way to the compute has one text in Neon's proxy.
    const isSaid = error instanceof Refusal || error instanceof BackendRefusal
    const text = isSaid ? error.message : REFUSALS['compute-unreachable']
    onEvent({ type: 'login-refused', message: text })
    stream.end(proxyError(text))
    stream.resume()
  }

  async function begin(stream: Duplex, link: Link): Promise<void> {
    const login = await withDeadline(authenticate(stream, link))
    if (login === undefined) return
    const { facts, parameters } = login
    Object.assign(link.facts, facts)
    links.update(link)
    const backend = await openAtCompute(parameters, link)
    if (stream.destroyed) return void backend.socket.destroy()
    stream.write(backend.greeting)
    meter.onSession()
    onEvent({ type: 'login', processId: backend.processId, ...facts })
    connectThrough(stream, link, backend, facts.isPooled)
  }

  function connectThrough(stream: Duplex, link: Link, backend: Backend, isPooled: boolean): void {
    const { socket } = backend
    const taps = createTaps({ link, backend: socket, faults, meter, compute })
    const { close } = relay(stream, socket, taps)
    const session = { isPooled, close: isPooled ? dropBoth : close }
    open.add(session)
    socket.once('close', () => open.delete(session))

    function dropBoth() {
      stream.destroy()
      socket.destroy()
    }
  }

  /** Undefined when the client did not come for a session. */
  async function authenticate(stream: Duplex, link: Link) {
    const startup = await readStartup(stream)
    if (startup.kind === 'cancel') return void cancel(stream, startup.packet)
    if (requiresTls && !link.isSecure) throw new Refusal(TLS_REQUIRED)
    if (startup.unsupported) stream.write(negotiation(startup.unsupported))
    const facts = factsOf(startup.parameters, link)
    const known = { ...link, facts }
    const refused = faults.areThere && faults.meet('login', known)
    if (refused) throw new Refusal(refusalText(refused.message))
    if (!(await isAuthentic(stream, facts, await roles.verifierOf(facts.user))))
      throw new Refusal(passwordFailed(facts.user))
    stream.write(authentication(AUTHENTICATION_OK))
    const refusal = facts.isPooled ? pooledOptionsRefusal(optionsIn(startup.parameters)) : undefined
    if (refusal !== undefined) throw new Refusal(refusal)
    if (facts.isPooled && !hasToldOfPooling) {
      hasToldOfPooling = true
      onEvent({ type: 'pooling-not-emulated' })
    }
    return { facts, parameters: forwardedParameters(startup.parameters) }
  }

  function factsOf(parameters: ReadonlyMap<string, string>, link: Link): LoginFacts {
    const user = parameters.get('user')
    if (user === undefined || user === '') throw new Refusal(missingParameter('user'))
    const option = endpointOption(parameters.get('options'))
    return {
      transport: link.facts.transport,
      user,
      database: parameters.get('database') ?? user,
      applicationName: parameters.get('application_name') ?? '',
      ...routeOf({ host: link.host, option, endpoints })
    }
  }

  async function openAtCompute(parameters: Map<string, string>, link: Link): Promise<Backend> {
    const limit = faults.areThere && faults.meet('connection-limit', link, fault => open.size >= fault.limit)
    if (limit) throw new Refusal(REFUSALS['too-many-clients'])
    const { postgres } = await compute.wake()
    compute.touch()
    return await openBackend(postgres.socketPath, parameters)
  }

  /** Nobody is woken for it: while the compute sleeps there is nothing to cancel. */
  function cancel(stream: Duplex, packet: Buffer): void {
    stream.end()
    const socketPath = compute.running?.postgres.socketPath
    if (socketPath !== undefined) connect(socketPath).on('error', ignore).end(packet)
  }

  async function withDeadline<T>(login: Promise<T>): Promise<T> {
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
}

/** Encryption was settled before, or is refused here, once each. */
async function readStartup(stream: Duplex): Promise<Extract<Startup, { kind: 'cancel' | 'session' }>> {
  const refused = new Set<string>()
  for (;;) {
    const startup = parseStartup(await readStartupPacket(stream))
    if (startup.kind === 'cancel' || startup.kind === 'session') return startup
    if (refused.has(startup.kind)) throw new ProtocolError('asked for encryption twice')
    refused.add(startup.kind)
    stream.write(REFUSED)
  }
}

async function isAuthentic(
  stream: Duplex,
  facts: LoginFacts,
  verifier: Verifier | undefined
): Promise<boolean> {
  if (facts.transport === 'tcp') return await exchange(stream, verifier)
  stream.write(authentication(CLEARTEXT_PASSWORD))
  const { type, body } = await readMessage(stream)
  if (type !== FRONTEND.PASSWORD) throw new ProtocolError('a password was expected')
  const password = body.toString('utf8').replace(/\0$/, '')
  return verifier !== undefined && (await matches(password, verifier))
}

/** The proxy speaks 3.0 and no extension, and says so to who asks for more. */
function negotiation(unsupported: readonly string[]): Buffer {
  const names = unsupported.map(name => `${name}\0`).join('')
  return message(NEGOTIATE_PROTOCOL_VERSION, int32(PROTOCOL_3_0), int32(unsupported.length), names)
}

/** What is left of `options` for the compute. */
function optionsIn(parameters: ReadonlyMap<string, string>): string | undefined {
  return forwardedParameters(parameters).get('options')
}
