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
  description: string,
  properties: Properties
) {
  return Type.Object(
    { type: Type.Literal(type), ...properties, ...ToWhom },
    { description, additionalProperties: false }
  )
}

export const FaultSchema = Type.Union([
  fault(
    'latency',
    'Bytes arrive later, by so much each way. Without a value a direction is not slowed down.',
    {
      toServerMs: Type.Optional(Milliseconds),
      toClientMs: Type.Optional(Milliseconds),
      jitterMs: Type.Optional(Milliseconds),
      connections: Connections
    }
  ),
  fault('bandwidth', 'Bytes arrive no faster than this.', {
    toServerBytesPerSecond: Type.Optional(BytesPerSecond),
    toClientBytesPerSecond: Type.Optional(BytesPerSecond),
    connections: Connections
  }),
  fault('blackhole', 'Nothing arrives, and no side is told. What was sent arrives when the fault ends.', {
    direction: Direction,
    connections: Connections
  }),
  fault('hang', 'The peer reads, sends and closes nothing until the fault ends.', {
    connections: Connections
  }),
  fault('ping', 'When a WebSocket ping is answered. Without this fault: with the next answer, as on Neon.', {
    answered: Type.Union([Type.Literal('at-once'), Type.Literal('never')]),
    connections: Connections
  }),
  fault('reset', 'Connections end by a TCP reset: existing ones, unless told otherwise.', {
    connections: Connections
  }),
  fault(
    'close',
    'Connections end in order, by a close frame with this code or a FIN: existing ones, unless told otherwise.',
    { code: Type.Optional(CloseCode), connections: Connections }
  ),
  fault(
    'truncate',
    'The next bytes to the client lose their second half. The frame around them is whole.',
    {}
  ),
  fault('garble', 'The next bytes to the client become noise. The frame around them is whole.', {}),
  fault('upgrade', 'The upgrade to a WebSocket is answered with this status, or never.', {
    status: Type.Union([
      Type.Literal(401),
      Type.Literal(403),
      Type.Literal(429),
      Type.Literal(502),
      Type.Literal(503),
      Type.Literal('never')
    ])
  }),
  fault('login', 'A login is refused with this text: the name of one of Neon’s, or your own.', {
    message: RefusalText
  }),
  fault('wake', 'A wake fails with this text, or takes this long.', {
    message: Type.Optional(RefusalText),
    delayMs: Type.Optional(Milliseconds)
  }),
  fault(
    'commit',
    'Postgres never gets the COMMIT (request), or the client never hears of it (acknowledgement). Then the connection is reset.',
    { lose: Type.Union([Type.Literal('request'), Type.Literal('acknowledgement')]) }
  ),
  fault('connection-limit', 'There are only so many sessions at once. More are refused as Postgres does.', {
    limit: Count
  }),
  fault('certificate', 'TLS is offered with a certificate that has this flaw.', {
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
