/**
 * Writes the messages that a client sends, many into one buffer. PostgreSQL, "Message Formats".
 */

/** In the text format, or bytes in the binary one. */
export type BoundValue = string | Uint8Array | null

export interface FrontendMessages {
  parse(name: string, text: string): void
  /** To the unnamed portal; results come in the text format, or all in the binary one. */
  bind(statement: string, values: readonly BoundValue[], isBinary?: boolean): void
  describePortal(): void
  execute(): void
  closeStatement(name: string): void
  /** The unnamed one, also where there is none. */
  closePortal(): void
  sync(): void
  /** What was written since the last call. */
  take(): Buffer
}

const LETTERS = { parse: 0x50, bind: 0x42, describe: 0x44, execute: 0x45, close: 0x43, sync: 0x53 } as const
const PORTAL = 0x50
const STATEMENT = 0x53
const BINARY = 1
const NULL_LENGTH = -1
const INITIAL_BYTES = 4096
// PostgreSQL, libpq.h, PQ_LARGE_MESSAGE_LIMIT: above it the server ends the connection.
const MOST_BYTES = 0x3fff_fffe
// One large value must not keep its memory for ever.
const KEPT_BYTES = 1024 * 1024

/** One for the whole process: a message is written in one go. */
export function createFrontendMessages(): FrontendMessages {
  let buffer = Buffer.allocUnsafe(INITIAL_BYTES)
  let end = 0
  /** Where the message begins that is being written. */
  let opened = 0

  return {
    parse(name, text) {
      const start = open(LETTERS.parse)
      cString(name)
      cString(text)
      // No types: the server finds them.
      int16(0)
      close(start)
    },
    bind(statement, values, isBinary = false) {
      const start = open(LETTERS.bind)
      cString('')
      cString(statement)
      int16(values.length)
      for (const value of values) int16(value instanceof Uint8Array ? BINARY : 0)
      int16(values.length)
      for (const value of values) bound(value)
      int16(1)
      int16(isBinary ? BINARY : 0)
      close(start)
    },
    describePortal() {
      const start = open(LETTERS.describe)
      byte(PORTAL)
      cString('')
      close(start)
    },
    execute() {
      const start = open(LETTERS.execute)
      cString('')
      // All rows.
      int32(0)
      close(start)
    },
    closeStatement(name) {
      const start = open(LETTERS.close)
      byte(STATEMENT)
      cString(name)
      close(start)
    },
    closePortal() {
      const start = open(LETTERS.close)
      byte(PORTAL)
      cString('')
      close(start)
    },
    sync: () => close(open(LETTERS.sync)),
    take() {
      const written = buffer.subarray(0, end)
      end = 0
      opened = 0
      if (buffer.length <= KEPT_BYTES) return Buffer.from(written)
      buffer = Buffer.allocUnsafe(INITIAL_BYTES)
      return written
    }
  }

  /** Returns where the length goes. */
  function open(letter: number): number {
    opened = end
    byte(letter)
    int32(0)
    return end - 4
  }

  function close(start: number) {
    buffer.writeInt32BE(end - start, start)
  }

  function bound(value: BoundValue) {
    if (value === null) return int32(NULL_LENGTH)
    const length = typeof value === 'string' ? Buffer.byteLength(value) : value.byteLength
    int32(length)
    reserve(length)
    if (typeof value === 'string') buffer.write(value, end)
    else buffer.set(value, end)
    end += length
  }

  function cString(text: string) {
    // Most names are empty, and each count of bytes is a call out of JavaScript.
    if (text === '') return byte(0)
    const length = Buffer.byteLength(text)
    reserve(length + 1)
    buffer.write(text, end)
    end += length
    buffer[end++] = 0
  }

  function byte(value: number) {
    reserve(1)
    buffer[end++] = value
  }

  function int16(value: number) {
    reserve(2)
    end = buffer.writeUInt16BE(value, end)
  }

  function int32(value: number) {
    reserve(4)
    end = buffer.writeInt32BE(value, end)
  }

  function reserve(bytes: number) {
    if (end - opened + bytes > MOST_BYTES)
      throw new RangeError('a statement with its parameters takes at most 1 GB')
    if (end + bytes <= buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * buffer.length, end + bytes))
    buffer.copy(larger, 0, 0, end)
    buffer = larger
  }
}
