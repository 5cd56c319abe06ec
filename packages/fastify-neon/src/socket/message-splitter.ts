/**
 * Cuts a stream of bytes at the end of a message, so that the parser behind it keeps no rest and copies nothing.
 */

// A letter and a length, which counts itself and not the letter. PostgreSQL, "Message Formats".
const LETTER_BYTES = 1
const HEADER_BYTES = 5

export interface MessageCutter {
  /** Takes bytes as they come. */
  add(bytes: Buffer): void
  /** Hands over as many whole messages as there are, in one piece. */
  cut(): void
}

export function createMessageCutter(emit: (messages: Buffer) => void): MessageCutter {
  let rest: Buffer[] = []
  let restBytes = 0
  // How many bytes make the first message of the rest whole, as far as is known.
  let needed = 0

  return { add, cut }

  function add(bytes: Buffer) {
    restBytes += bytes.length
    rest.push(bytes)
  }

  function cut() {
    const [first] = rest
    if (first === undefined || restBytes < needed) return
    const all = rest.length === 1 ? first : Buffer.concat(rest, restBytes)
    const end = endOfMessages(all)
    rest = end < all.length ? [all.subarray(end)] : []
    restBytes = all.length - end
    needed = restBytes >= HEADER_BYTES ? sizeAt(all, end) : HEADER_BYTES
    if (end > 0) emit(end < all.length ? all.subarray(0, end) : all)
  }
}

function endOfMessages(bytes: Buffer): number {
  let end = 0
  while (end + HEADER_BYTES <= bytes.length) {
    const next = end + sizeAt(bytes, end)
    if (next > bytes.length) break
    end = next
  }
  return end
}

function sizeAt(bytes: Buffer, start: number): number {
  return LETTER_BYTES + bytes.readUInt32BE(start + LETTER_BYTES)
}
