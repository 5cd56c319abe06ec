/**
 * Owns the login that the proxy ends itself, as Neon's does: from the first packet to
 * AuthenticationOk, or to a refusal in Neon's words.
 */
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { LoginFacts } from '../events.ts'
import { ignore } from '../failure.ts'
import { refusalText } from '../faults/fault.ts'
import type { Faults } from '../faults/registry.ts'
import {
  authentication,
  FRONTEND,
  int32,
  message,
  PROTOCOL_3_0,
  ProtocolError,
  readMessage,
  readStartupPacket,
  UnexpectedMessageError
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
import type { Connection } from './connection.ts'
import { LOGIN_TIMED_OUT, missingParameter, passwordFailed, Refusal, TLS_REQUIRED } from './refusals.ts'
import { routeOf } from './routing.ts'

export interface LoginOptions {
  roles: Roles
  faults: Faults
  endpoints: readonly [string, ...string[]]
  /** Refuses clients that come without TLS. */
  requiresTls: boolean
  clock: Clock
}

export type Login =
  /** For the compute, whole. */
  | { kind: 'cancel'; packet: Buffer }
  /** Who it is, and the start-up parameters that the compute gets to see. */
  | { kind: 'session'; facts: LoginFacts; parameters: Map<string, string> }

/** As long as Neon's proxy waits for the start-up packet, and for the messages of SCRAM. */
const DEADLINE_MS = 15_000
const AUTHENTICATION_OK = 0
const CLEARTEXT_PASSWORD = 3
const NEGOTIATE_PROTOCOL_VERSION = 0x76
const ENCRYPTION_REFUSED = 'N'

/** Throws a Refusal, or a ProtocolError when the client says what nobody can read. */
export async function logIn(stream: Duplex, connection: Connection, options: LoginOptions): Promise<Login> {
  const { roles, faults, requiresTls, clock } = options
  const startup = await inTime(clock, new ProtocolError('no start-up packet came'), readStartup(stream))
  if (startup.kind === 'cancel') return startup
  if (requiresTls && !connection.isSecure) throw new Refusal(TLS_REQUIRED)
  if (startup.unsupported) stream.write(negotiation(startup.unsupported))
  const facts = factsOf(startup.parameters, connection, options)
  const refused = faults.areThere && faults.meet('login', { facts, ticket: connection.ticket })
  if (refused) throw new Refusal(refusalText(refused.message))
  const verifier = await roles.verifierOf(facts.user)
  if (!(await isAuthentic(stream, connection, verifier, clock))) throw new Refusal(passwordFailed(facts.user))
  // Goes out together with what the compute says, or with why it does not.
  stream.cork()
  stream.write(authentication(AUTHENTICATION_OK))
  const parameters = forwardedParameters(startup.parameters)
  const refusal = facts.isPooled ? pooledOptionsRefusal(parameters.get('options')) : undefined
  if (refusal !== undefined) throw new Refusal(refusal)
  return { kind: 'session', facts, parameters }
}

/** Encryption was settled before, or is refused here, once each. */
async function readStartup(stream: Duplex): Promise<Extract<Startup, { kind: 'cancel' | 'session' }>> {
  const refused = new Set<string>()
  for (;;) {
    const startup = parseStartup(await readStartupPacket(stream))
    if (startup.kind === 'cancel' || startup.kind === 'session') return startup
    if (refused.has(startup.kind)) throw new ProtocolError('asked for encryption twice')
    refused.add(startup.kind)
    stream.write(ENCRYPTION_REFUSED)
  }
}

/** The proxy speaks 3.0 and no extension, and says so to who asks for more. */
function negotiation(unsupported: readonly string[]): Buffer {
  const names = unsupported.map(name => `${name}\0`).join('')
  return message(NEGOTIATE_PROTOCOL_VERSION, int32(PROTOCOL_3_0), int32(unsupported.length), names)
}

function factsOf(
  parameters: ReadonlyMap<string, string>,
  connection: Connection,
  { endpoints }: LoginOptions
): LoginFacts {
  const user = parameters.get('user')
  if (user === undefined) throw new Refusal(missingParameter('user'))
  const option = endpointOption(parameters.get('options'))
  return {
    transport: connection.facts.transport,
    user,
    database: parameters.get('database') ?? user,
    applicationName: parameters.get('application_name') ?? '',
    ...routeOf({ host: connection.host, option, endpoints })
  }
}

/** Who is asked in the clear may take as long as they like. */
async function isAuthentic(
  stream: Duplex,
  { facts: { transport }, channelBinding }: Connection,
  verifier: Verifier | undefined,
  clock: Clock
): Promise<boolean> {
  if (transport === 'tcp')
    return await inTime(clock, new Refusal(LOGIN_TIMED_OUT), exchange(stream, verifier, channelBinding))
  stream.write(authentication(CLEARTEXT_PASSWORD))
  const { type, body } = await readMessage(stream)
  if (type !== FRONTEND.PASSWORD) throw new UnexpectedMessageError('a password was expected')
  const password = body.toString('utf8').replace(/\0$/, '')
  return verifier !== undefined && (await matches(password, verifier))
}

async function inTime<T>(clock: Clock, late: Error, work: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const deadline = clock.sleep(DEADLINE_MS, timer.signal).then(() => {
    throw late
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    timer.abort()
    deadline.catch(ignore)
    // It ends with the stream.
    work.catch(ignore)
  }
}
