/**
 * Whether a message of the server is as long as it says, part by part: the driver reads on beyond its end, into the
 * answer of somebody else. PostgreSQL, "Message Formats".
 */

const COUNT_BYTES = 2
const LENGTH_BYTES = 4
const NULL_LENGTH = 0xff_ff_ff_ff
/** Of a column in a RowDescription, behind its name. */
const COLUMN_BYTES = 18
const SQLSTATE = /^[0-9A-Z]{5}$/
const FATAL = new Set<string | undefined>(['FATAL', 'PANIC'])

/** How many columns a RowDescription has; undefined when it is broken. */
export function describedColumns(bytes: Buffer, start: number, end: number): number | undefined {
  if (end - start < COUNT_BYTES) return undefined
  const count = bytes.readUInt16BE(start)
  let next = start + COUNT_BYTES
  for (let column = 0; column < count; column += 1) {
    const endOfName = bytes.indexOf(0, next)
    next = endOfName + 1 + COLUMN_BYTES
    if (endOfName === -1 || next > end) return undefined
  }
  return next === end ? count : undefined
}

/** How many columns a DataRow has; undefined when it is broken. On the way of each row, so it calls nothing. */
export function rowColumns(bytes: Buffer, start: number, end: number): number | undefined {
  if (end - start < COUNT_BYTES) return undefined
  const count = (Number(bytes[start]) << 8) | Number(bytes[start + 1])
  let next = start + COUNT_BYTES
  for (let column = 0; column < count; column += 1) {
    if (next + LENGTH_BYTES > end) return undefined
    const length = int32(bytes, next)
    next += length === NULL_LENGTH ? LENGTH_BYTES : LENGTH_BYTES + length
  }
  return next === end ? count : undefined
}

/** The severity of an ErrorResponse that has a SQLSTATE; undefined when it is broken. */
export function errorSeverity(bytes: Buffer, start: number, end: number): 'ERROR' | 'FATAL' | undefined {
  const fields = fieldsOf(bytes, start, end)
  if (!SQLSTATE.test(fields?.get('C') ?? '')) return undefined
  // S may be in the language of the server. Neon's proxy sends no V.
  return FATAL.has(fields?.get('V') ?? fields?.get('S')) ? 'FATAL' : 'ERROR'
}

/** Of an error or a notice, by their letters; undefined when it is broken. */
export function fieldsOf(bytes: Buffer, start: number, end: number): Map<string, string> | undefined {
  // Each field ends with a zero, and so do they all together.
  const parts = bytes.toString('utf8', start, end).split('\0')
  if (parts.pop() !== '' || parts.pop() !== '' || parts.includes('')) return undefined
  return new Map(parts.map(part => [part.slice(0, 1), part.slice(1)]))
}

/** So many texts, each of which ends with a zero. */
export function isTexts(count: number, bytes: Buffer, start: number, end: number): boolean {
  let next = start
  for (let text = 0; text < count; text += 1) {
    const zero = bytes.indexOf(0, next)
    if (zero === -1 || zero >= end) return false
    next = zero + 1
  }
  return next === end
}

/** `readUInt32BE` checks its bounds and takes twice as long; `Number` costs nothing. */
function int32(bytes: Buffer, at: number): number {
  const high = (Number(bytes[at]) << 24) | (Number(bytes[at + 1]) << 16)
  return (high | (Number(bytes[at + 2]) << 8) | Number(bytes[at + 3])) >>> 0
}
