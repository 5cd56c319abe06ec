/**
 * Owns the list of faults: what each does, what it takes, and whom it can be limited to. One
 * schema serves the calls of tests, the control port and the command line.
 */
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { LocalNeonError } from '../failure.ts'
import { REFUSALS, type RefusalName } from '../proxy/refusals.ts'

const MAX_MS = 24 * 60 * 60 * 1000
const Milliseconds = Type.Number({ minimum: 0, maximum: MAX_MS })
const BytesPerSecond = Type.Integer({ minimum: 1 })
const Count = Type.Integer({ minimum: 0 })

/** Those that may stand in a close frame: RFC 6455, 7.4. */
const CloseCode = Type.Union([
  Type.Integer({ minimum: 1000, maximum: 1003 }),
  Type.Integer({ minimum: 1007, maximum: 1014 }),
  Type.Integer({ minimum: 3000, maximum: 4999 })
])

const ToWhom = {
  /** Limits the fault to what is known of the connection: before a login that is its transport alone. */
  where: Type.Optional(
    Type.Object(
      {
        transport: Type.Optional(Type.Union([Type.Literal('ws'), Type.Literal('tcp')])),
        endpoint: Type.Optional(Type.String()),
        user: Type.Optional(Type.String()),
        database: Type.Optional(Type.String()),
        applicationName: Type.Optional(Type.String())
      },
      { additionalProperties: false }
    )
  ),
  /** Lets so many go by unharmed before the first is met. */
  after: Type.Optional(Count),
  /** Meets so many at most; then it is spent, and stays in the list with its count. */
  times: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Is undone by itself after so long. */
  forMs: Type.Optional(Milliseconds)
}

const Connections = Type.Optional(
  Type.Union([Type.Literal('new'), Type.Literal('existing'), Type.Literal('all')], {
    description:
      'connections that come while the fault is there, connections that are there when it comes, or both'
  })
)

const Direction = Type.Union([Type.Literal('to-server'), Type.Literal('to-client'), Type.Literal('both')])
/** A text of Neon's by its name, or any other, which has more than one word. */
const RefusalText = Type.Unsafe<RefusalName | `${string} ${string}`>(
  Type.String({ pattern: `^(?:${Object.keys(REFUSALS).join('|')}|.* .*)$` })
)

function fault<const Name extends string, const Properties extends Record<string, TSchema>>(
  type: Name,
  properties: Properties
) {
  return Type.Object({ type: Type.Literal(type), ...properties, ...ToWhom }, { additionalProperties: false })
}

export const FaultSchema = Type.Union([
  /** Everything takes so much longer each way. @default 0 */
  fault('latency', {
    toServerMs: Type.Optional(Milliseconds),
    toClientMs: Type.Optional(Milliseconds),
    jitterMs: Type.Optional(Milliseconds),
    connections: Connections
  }),
  fault('bandwidth', {
    toServerBytesPerSecond: Type.Optional(BytesPerSecond),
    toClientBytesPerSecond: Type.Optional(BytesPerSecond),
    connections: Connections
  }),
  /** Nothing arrives, and nobody is told; what was sent arrives when the fault is undone. */
  fault('blackhole', { direction: Direction, connections: Connections }),
  /** The peer is gone without a word: it reads nothing, sends nothing and closes nothing, until the fault is undone. */
  fault('hang', { connections: Connections }),
  /** When a ping is answered, where that is not with the server's next answer as in Neon's proxy. */
  fault('ping', {
    answered: Type.Union([Type.Literal('at-once'), Type.Literal('never')]),
    connections: Connections
  }),
  /** A TCP reset. @default connections: 'existing' */
  fault('reset', { connections: Connections }),
  /** An orderly end: a close frame with this code (of a WebSocket), or a FIN. @default connections: 'existing' */
  fault('close', { code: Type.Optional(CloseCode), connections: Connections }),
  /** The next bytes to the client lose their second half, the frame around them being whole. */
  fault('truncate', {}),
  /** The next bytes to the client become noise, the frame around them being whole. */
  fault('garble', {}),
  /** The answer to the upgrade of a WebSocket; `never`: there is none. */
  fault('upgrade', {
    status: Type.Union([
      Type.Literal(401),
      Type.Literal(403),
      Type.Literal(429),
      Type.Literal(502),
      Type.Literal(503),
      Type.Literal('never')
    ])
  }),
  /** A login is refused, with a text of Neon's by its name or with one of your own. */
  fault('login', { message: RefusalText }),
  /** A wake fails with this text, or takes this long. */
  fault('wake', { message: Type.Optional(RefusalText), delayMs: Type.Optional(Milliseconds) }),
  /** `request`: Postgres never gets the COMMIT. `acknowledgement`: it does, and the client never hears. Then the connection is reset. */
  fault('commit', { lose: Type.Union([Type.Literal('request'), Type.Literal('acknowledgement')]) }),
  /** Only so many sessions at once; more are refused as Postgres does. */
  fault('connection-limit', { limit: Count }),
  /** The certificate that TLS is offered with. */
  fault('certificate', {
    flaw: Type.Union([Type.Literal('untrusted'), Type.Literal('expired'), Type.Literal('wrong-name')])
  })
])

export type Fault = Static<typeof FaultSchema>
export type FaultType = Fault['type']
export type FaultOf<T extends FaultType> = Extract<Fault, { type: T }>

export const FAULT_TYPES: readonly FaultType[] = FaultSchema.anyOf.map(
  ({ properties }) => properties.type.const
)

/** Throws LOCAL_NEON_FAULT_INVALID, with what is wrong and where. */
export function checkFault(value: unknown): Fault {
  if (Value.Check(FaultSchema, value)) return value
  throw new LocalNeonError('LOCAL_NEON_FAULT_INVALID', explain(value))
}

function explain(value: unknown): string {
  const type: unknown =
    typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined
  const schema = FaultSchema.anyOf.find(({ properties }) => properties.type.const === type)
  if (schema === undefined) return `A fault has one of these types: ${FAULT_TYPES.join(', ')}`
  const [first] = Value.Errors(schema, value)
  return `The fault ${type} is not valid: ${first?.path.slice(1).replaceAll('/', '.')}: ${first?.message}`
}

/** The text of a refusal, by name or as given. */
export function refusalText(message: string): string {
  return new Map<string, string>(Object.entries(REFUSALS)).get(message) ?? message
}
