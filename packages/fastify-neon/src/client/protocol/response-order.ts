/**
 * The order in which a server may answer what was sent: one state machine for each connection, fed with the bytes of
 * both directions. What does not belong is found before the driver or a caller sees it.
 * PostgreSQL, "Message Flow" and "Message Formats".
 */

import { createMessageCutter } from '../../socket/message-splitter.ts'
import { describedColumns, errorSeverity, fieldsOf, isTexts, rowColumns } from './backend-messages.ts'

export interface ResponseOrder {
  /** What the client sends, in pieces of any size; the start-up message in one piece. */
  sent(bytes: Uint8Array): void
  /** Whole messages of the server. False when one of them does not belong, and from then on. */
  admits(messages: Buffer): boolean
}

/** What a connection ends with whose server has sent a message that does not belong. */
export class ProtocolViolationError extends Error {
  override readonly name = 'ProtocolViolationError'
  readonly code = 'ERR_PROTOCOL_VIOLATION'
  constructor() {
    super('the server sent a message that the protocol does not allow at this point')
  }
}

// What is awaited for each message that the client has sent.
const PARSE = 1
const BIND = 2
const CLOSE = 3
const DESCRIBE_STATEMENT = 4
const DESCRIBE = 5
const EXECUTE = 6
// With a limit of rows, so that its portal may be suspended.
const EXECUTE_PART = 7
const SYNC = 8
// A simple query: of one statement, and of as many as there are.
const QUERY = 9
const QUERIES = 10

// How far the answer to an Execute or a simple query has come.
const BEGUN = 0
const ROWS = 1
const COPY_IN = 2
const COPY_OUT = 3
const COPIED = 4
const DONE = 5

// How many columns the rows have that come next, where they were described.
const ANY_COLUMNS = -1
const NO_ROWS = -2

// Of the connection.
const LOGIN = 0
const GREETING = 1
const READY = 2

const LETTER_BYTES = 1
const LENGTH_BYTES = 4
const HEADER_BYTES = LETTER_BYTES + LENGTH_BYTES
const KEY_BYTES = 8
const SEMICOLON = 0x3b
const ZERO = 0x30
const STATEMENT = 0x53
const AUTHENTICATED = 0
const ROWS_OF_TAG = /^(?:SELECT|FETCH) /
// PostgreSQL, AuthenticationRequest: those that the driver can answer.
const LOGINS = new Set([AUTHENTICATED, 3, 5, 10, 11, 12])
// Above it those that are answered are forgotten, while others are awaited behind them.
const MOST_RESPONSES = 512

export function createResponseOrder(): ResponseOrder {
  const awaited: number[] = []
  let answered = 0
  let phase = LOGIN
  let progress = BEGUN
  let columns = ANY_COLUMNS
  let rows = 0
  // Behind an error nothing comes but ReadyForQuery.
  let hasFailed = false
  // The server reads over all that is sent before the next Sync.
  let skips = false
  let isBroken = false
  const noted = createMessageCutter(messages => {
    for (let start = 0; start < messages.length; start += LETTER_BYTES + messages.readUInt32BE(start + 1))
      noteSent(messages, start)
  })

  return {
    sent(bytes) {
      // The start-up message has no letter, and what is answered before the end of the login is known without this.
      if (phase !== READY) return
      noted.add(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
      noted.cut()
    },
    admits(messages) {
      for (let start = 0; start < messages.length && !isBroken; ) {
        const length = messages.readUInt32BE(start + LETTER_BYTES)
        const end = start + LETTER_BYTES + length
        isBroken = length < LENGTH_BYTES || !takes(messages, start, end)
        start = end
      }
      return !isBroken
    }
  }

  function noteSent(messages: Buffer, start: number) {
    const message = awaitedFor(messages, start)
    if (message === undefined || (skips && message !== SYNC)) return
    skips = false
    awaited.push(message)
  }

  function takes(bytes: Buffer, start: number, end: number): boolean {
    const body = start + HEADER_BYTES
    switch (bytes[start]) {
      case 0x44: // D, DataRow
        return takesRow(rowColumns(bytes, body, end))
      case 0x31: // 1, ParseComplete
        return body === end && ends(PARSE)
      case 0x32: // 2, BindComplete
        columns = ANY_COLUMNS
        return body === end && ends(BIND)
      case 0x33: // 3, CloseComplete
        return body === end && ends(CLOSE)
      case 0x54: // T, RowDescription
        return takesDescription(describedColumns(bytes, body, end))
      case 0x6e: // n, NoData
        columns = NO_ROWS
        return body === end && ends(DESCRIBE)
      case 0x43: // C, CommandComplete
        return isTexts(1, bytes, body, end) && countsRows(bytes, body, end) && completes()
      case 0x5a: // Z, ReadyForQuery
        return end - body === 1 && isStatus(bytes[body]) && takesReady()
      case 0x45: // E, ErrorResponse
        return takesError(errorSeverity(bytes, body, end))
      case 0x4e: // N, NoticeResponse
        return fieldsOf(bytes, body, end) !== undefined
      case 0x53: // S, ParameterStatus
        return phase !== LOGIN && isTexts(2, bytes, body, end)
      case 0x41: // A, NotificationResponse
        return phase === READY && end - body > LENGTH_BYTES && isTexts(2, bytes, body + LENGTH_BYTES, end)
      case 0x52: // R, Authentication…
        return takesLogin(bytes, body, end)
      case 0x4b: // K, BackendKeyData
        return phase === GREETING && end - body === KEY_BYTES
      case 0x49: // I, EmptyQueryResponse
        return body === end && progress === BEGUN && columns < 0 && completes()
      case 0x73: // s, PortalSuspended
        return body === end && ends(EXECUTE_PART)
      case 0x74: // t, ParameterDescription
        return becomes(DESCRIBE_STATEMENT, DESCRIBE)
      case 0x47: // G, CopyInResponse
        return copies(COPY_IN)
      case 0x48: // H, CopyOutResponse
        return copies(COPY_OUT)
      case 0x64: // d, CopyData
        return progress === COPY_OUT
      case 0x63: // c, CopyDone
        return body === end && progress === COPY_OUT && proceed(COPIED)
      default:
        return false
    }
  }

  function takesLogin(bytes: Buffer, body: number, end: number): boolean {
    if (phase !== LOGIN || end - body < LENGTH_BYTES) return false
    const request = bytes.readUInt32BE(body)
    if (request === AUTHENTICATED) phase = GREETING
    return LOGINS.has(request)
  }

  function takesDescription(count: number | undefined): boolean {
    if (count === undefined) return false
    columns = count
    return ends(DESCRIBE) || (mayBegin() && proceed(ROWS))
  }

  function takesRow(count: number | undefined): boolean {
    if (count === undefined || (columns !== ANY_COLUMNS && count !== columns)) return false
    rows += 1
    return progress === ROWS || (progress === BEGUN && isExecuted(next()) && proceed(ROWS))
  }

  /** The number at the end of a tag, such as SELECT 2, is that of the rows, where the statement has some. */
  function countsRows(bytes: Buffer, body: number, end: number): boolean {
    if (columns < 0 || next() === EXECUTE_PART) return true
    const count = numberAtEnd(bytes, body, end - 1)
    if (count === undefined || count === rows) return true
    // Behind a rule of its table an INSERT of the simple protocol has the rows of a SELECT, and its own number.
    return isSimple(next()) && !ROWS_OF_TAG.test(bytes.toString('latin1', body, end))
  }

  /** The end of one statement. */
  function completes(): boolean {
    const message = next()
    if (progress === COPY_OUT) return false
    if (isExecuted(message)) return end()
    columns = ANY_COLUMNS
    rows = 0
    return isSimple(message) && (progress !== DONE || message === QUERIES) && proceed(DONE)
  }

  function copies(to: typeof COPY_IN | typeof COPY_OUT): boolean {
    // The server does not look at a Sync that comes in the midst of the data.
    if (to === COPY_IN && isExecuted(next())) awaited.length = answered + 1
    const isFirst = isExecuted(next()) ? progress === BEGUN && columns < 0 : mayBegin()
    return isFirst && proceed(to)
  }

  function takesReady(): boolean {
    if (phase !== READY) {
      const isOver = phase === GREETING
      phase = READY
      return isOver
    }
    hasFailed = false
    columns = ANY_COLUMNS
    return ends(SYNC) || (isSimple(next()) && progress === DONE && end())
  }

  function takesError(severity: 'ERROR' | 'FATAL' | undefined): boolean {
    if (severity === undefined) return false
    // The login fails; or the session ends, at any time.
    if (phase !== READY || severity === 'FATAL') return true
    if (hasFailed || next() === undefined) return false
    hasFailed = true
    progress = BEGUN
    rows = 0
    if (isSimple(next())) return becomes(next(), SYNC)
    const sync = awaited.indexOf(SYNC, answered)
    skips = sync === -1
    answered = skips ? awaited.length : sync
    return true
  }

  function next(): number | undefined {
    return awaited[answered]
  }

  function ends(message: number): boolean {
    return next() === message && end()
  }

  function end(): true {
    answered += 1
    progress = BEGUN
    rows = 0
    if (answered === awaited.length || answered > MOST_RESPONSES) {
      awaited.splice(0, answered)
      answered = 0
    }
    return true
  }

  function becomes(message: number | undefined, other: number): boolean {
    if (next() !== message) return false
    awaited[answered] = other
    return true
  }

  function proceed(to: number): true {
    progress = to
    return true
  }

  /** The answer to a statement of a simple query. */
  function mayBegin(): boolean {
    const message = next()
    return isSimple(message) && (progress === BEGUN || (progress === DONE && message === QUERIES))
  }
}

function isSimple(message: number | undefined): boolean {
  return message === QUERY || message === QUERIES
}

function isExecuted(message: number | undefined): boolean {
  return message === EXECUTE || message === EXECUTE_PART
}

function isStatus(letter: number | undefined): boolean {
  return letter === 0x49 || letter === 0x54 || letter === 0x45
}

/** For a message of the client; undefined for what is not answered, such as data of a COPY. */
function awaitedFor(bytes: Buffer, start: number): number | undefined {
  switch (bytes[start]) {
    case 0x50: // P
      return PARSE
    case 0x42: // B
      return BIND
    case 0x43: // C
      return CLOSE
    case 0x44: // D
      return bytes[start + HEADER_BYTES] === STATEMENT ? DESCRIBE_STATEMENT : DESCRIBE
    case 0x45: // E
      return hasLimit(bytes, start) ? EXECUTE_PART : EXECUTE
    case 0x53: // S
      return SYNC
    case 0x51: // Q
      return hasSeparator(bytes, start) ? QUERIES : QUERY
    default:
      return undefined
  }
}

function numberAtEnd(bytes: Buffer, body: number, end: number): number | undefined {
  let number = 0
  let place = 1
  let at = end - 1
  for (; at >= body; at -= 1, place *= 10) {
    const digit = bytes.readUInt8(at) - ZERO
    if (digit < 0 || digit > 9) break
    number += place * digit
  }
  return at === end - 1 ? undefined : number
}

/** The last four bytes of an Execute. */
function hasLimit(bytes: Buffer, start: number): boolean {
  return (
    bytes.readUInt32BE(start + LETTER_BYTES + bytes.readUInt32BE(start + LETTER_BYTES) - LENGTH_BYTES) > 0
  )
}

/** Also one inside of a literal: then it is not known how many there are. */
function hasSeparator(bytes: Buffer, start: number): boolean {
  const end = start + LETTER_BYTES + bytes.readUInt32BE(start + LETTER_BYTES)
  const separator = bytes.indexOf(SEMICOLON, start)
  return separator !== -1 && separator < end
}
