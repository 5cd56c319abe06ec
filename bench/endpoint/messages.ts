/**
 * Owns the bytes of the Postgres protocol that the load needs: what it sends, and the splitting
 * of what comes back.
 */

export interface Login {
  user: string
  password: string
  database: string
}

/** Types of messages from the server. */
export const AUTHENTICATION = 'R'.charCodeAt(0)
export const DATA_ROW = 'D'.charCodeAt(0)
export const ERROR = 'E'.charCodeAt(0)
export const READY = 'Z'.charCodeAt(0)

const TYPE_BYTES = 1
const LENGTH_BYTES = 4
const HEADER_BYTES = TYPE_BYTES + LENGTH_BYTES
const PROTOCOL_VERSION = 196_608

export const TERMINATE = message('X')

/** Each answers with one row. They take turns, since drivers use both protocols. */
export const QUERIES: readonly Buffer[] = [simpleQuery('select 1'), extendedQuery('select $1::int4', '42')]

/** Parse, Bind, Describe, Execute and Sync of an unnamed statement with one parameter, as text. */
export function extendedMessages(sql: string, parameter: string): Buffer[] {
  const value = Buffer.from(parameter)
  return [
    message('P', text('', sql), int16(0)),
    message('B', text('', ''), int16(0), int16(1), int32(value.length), value, int16(0)),
    message('D', Buffer.from('P'), text('')),
    message('E', text(''), int32(0)),
    message('S')
  ]
}

export function startup({ user, database }: Login): Buffer {
  const body = Buffer.concat([
    int32(PROTOCOL_VERSION),
    text('user', user, 'database', database),
    Buffer.of(0)
  ])
  return Buffer.concat([int32(LENGTH_BYTES + body.length), body])
}

export function passwordMessage(password: string): Buffer {
  return message('p', text(password))
}

export function saslInitialResponse(mechanism: string, response: string): Buffer {
  const bytes = Buffer.from(response)
  return message('p', text(mechanism), int32(bytes.length), bytes)
}

export function saslResponse(response: string): Buffer {
  return message('p', Buffer.from(response))
}

/** Takes chunks as they come and tells of each whole message: its type, and what follows the length. */
export function createSplitter(onMessage: (type: number, body: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)

  return chunk => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    while (bytes.length - start >= HEADER_BYTES) {
      const end = start + TYPE_BYTES + bytes.readUInt32BE(start + TYPE_BYTES)
      if (end > bytes.length) break
      onMessage(bytes.readUInt8(start), bytes.subarray(start + HEADER_BYTES, end))
      start = end
    }
    rest = bytes.subarray(start)
  }
}

/** The text of an ErrorResponse. */
export function errorText(body: Buffer): string {
  return body.toString().replaceAll('\0', ' ').trim()
}

function simpleQuery(sql: string): Buffer {
  return message('Q', text(sql))
}

function extendedQuery(sql: string, parameter: string): Buffer {
  return Buffer.concat(extendedMessages(sql, parameter))
}

function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(LENGTH_BYTES + body.length), body])
}

function text(...values: string[]): Buffer {
  return Buffer.from(values.map(value => `${value}\0`).join(''))
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
