/**
 * Owns the messages of the Postgres protocol that the proxy reads and writes itself, as
 * "Message Formats" in the documentation of PostgreSQL has them.
 */
import type { Duplex } from 'node:stream'

/** Type bytes of the messages that mean something here. */
export const FRONTEND = {
  QUERY: 0x51,
  PARSE: 0x50,
  EXECUTE: 0x45,
  FUNCTION_CALL: 0x46,
  SYNC: 0x53,
  TERMINATE: 0x58,
  PASSWORD: 0x70
} as const
export const BACKEND = {
  AUTHENTICATION: 0x52,
  COMMAND_COMPLETE: 0x43,
  DATA_ROW: 0x44,
  ERROR_RESPONSE: 0x45,
  READY_FOR_QUERY: 0x5a,
  BACKEND_KEY_DATA: 0x4b
} as const
/** Status in ReadyForQuery: no transaction is open. */
export const IDLE_STATUS = 0x49

export const HEADER_BYTES = 5
const LENGTH_BYTES = 4
/** Neon's proxy takes no password message that is longer (proxy/src/stream.rs). */
const MAX_LOGIN_MESSAGE_BYTES = 512
/** MAX_STARTUP_PACKET_LENGTH of Postgres, libpq/pqcomm.h. */
const MAX_STARTUP_BYTES = 10_000
const MIN_STARTUP_BYTES = 8
/** There is more to read, or nothing will come any more. */
const CHANGES = ['readable', 'end', 'close', 'error']

export interface Message {
  type: number
  body: Buffer
}

/** The peer has gone, or says what nobody can read. */
export class ProtocolError extends Error {
  override readonly name: string = 'ProtocolError'
}

/** The peer is there, and says something else than what it was asked for. */
export class UnexpectedMessageError extends ProtocolError {
  override readonly name = 'UnexpectedMessageError'
}

/**
 * A packet without a type byte, whole, as it begins a connection. Its length is looked at when its code has
 * come as well, as Neon's proxy does it: who sends less is waited for.
 */
export async function readStartupPacket(stream: Duplex): Promise<Buffer> {
  const head = await take(stream, MIN_STARTUP_BYTES)
  const length = head.readUInt32BE()
  if (length < MIN_STARTUP_BYTES || length > MAX_STARTUP_BYTES)
    throw new ProtocolError('a start-up packet of that length is none')
  if (length === MIN_STARTUP_BYTES) return head
  return Buffer.concat([head, await take(stream, length - MIN_STARTUP_BYTES)])
}

/** One message with a type byte; what comes behind it stays in the stream. */
export async function readMessage(
  stream: Duplex,
  maxBytes: number = MAX_LOGIN_MESSAGE_BYTES
): Promise<Message> {
  const header = await take(stream, HEADER_BYTES)
  const length = header.readUInt32BE(1) - LENGTH_BYTES
  if (length < 0 || length > maxBytes)
    throw new UnexpectedMessageError('a message of that length is not taken here')
  return { type: header.readUInt8(), body: length === 0 ? Buffer.alloc(0) : await take(stream, length) }
}

/** Listens all the while: a listener that came again for each part would be called at once, for ever. */
function take(stream: Duplex, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    for (const event of CHANGES) stream.on(event, look)
    look()

    function look() {
      const chunk: Buffer | null = stream.read(bytes)
      const isWhole = chunk?.length === bytes
      if (!isWhole && chunk === null && !stream.readableEnded && !stream.destroyed) return
      for (const event of CHANGES) stream.off(event, look)
      if (isWhole) resolve(chunk)
      else reject(new ProtocolError('the peer has gone'))
    }
  })
}

export function message(type: number, ...parts: Array<Buffer | string>): Buffer {
  const body = Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part) : part)))
  const head = Buffer.alloc(HEADER_BYTES)
  head.writeUInt8(type)
  head.writeUInt32BE(body.length + LENGTH_BYTES, 1)
  return Buffer.concat([head, body])
}

export function authentication(code: number, ...parts: Array<Buffer | string>): Buffer {
  return message(BACKEND.AUTHENTICATION, int32(code), ...parts)
}

/** ErrorResponse as Neon's proxy writes each of its own (proxy/src/stream.rs): ERROR, XX000 and the text. */
export function proxyError(text: string): Buffer {
  return message(BACKEND.ERROR_RESPONSE, `SERROR\0CXX000\0M${text}\0\0`)
}

/** The fields of an ErrorResponse by their letter. */
export function errorFields(body: Buffer): Map<string, string> {
  const fields = body.toString('utf8').split('\0').filter(Boolean)
  return new Map(fields.map(field => [field.slice(0, 1), field.slice(1)]))
}

export function startupPacket(parameters: Iterable<readonly [string, string]>): Buffer {
  const text = [...parameters].map(([name, value]) => `${name}\0${value}\0`).join('')
  return untyped(PROTOCOL_3_0, Buffer.from(`${text}\0`))
}

export const PROTOCOL_3_0 = 0x00_03_00_00
export const CANCEL_CODE = 80_877_102

/** CancelRequest for the session whose BackendKeyData had this body. */
export function cancelRequest(key: Buffer): Buffer {
  return untyped(CANCEL_CODE, key)
}

/** What begins a connection has a length and a code, and no letter. */
function untyped(code: number, rest: Buffer): Buffer {
  const body = Buffer.concat([int32(code), rest])
  return Buffer.concat([int32(body.length + LENGTH_BYTES), body])
}

export function int32(value: number): Buffer {
  const buffer = Buffer.alloc(LENGTH_BYTES)
  buffer.writeInt32BE(value)
  return buffer
}
