/**
 * The inside of a client: what it sends, what it hears, and how to break its link at one of them.
 */

export interface Wire {
  connection: {
    emit(event: string, message: unknown): boolean
    stream: {
      write(bytes: Uint8Array): boolean
      removeAllListeners(event: string): void
      ws: { terminate(): void }
    }
  }
}

/** The statements that leave in one piece, in order. */
type Piece = { text: string; values: string[] }[]

export function breakLink({ connection }: Wire): void {
  connection.stream.ws.terminate()
}

/** Nothing that the server sends is heard any more. */
export function deafen({ connection }: Wire): void {
  connection.stream.removeAllListeners('data')
}

/** Breaks the link in front of each piece that has a statement which begins like this, such as COMMIT. */
export function breakBefore(wire: Wire, beginning: string): void {
  hook(wire, { before: piece => piece.some(({ text }) => text.startsWith(beginning)) && breakLink(wire) })
}

/** Calls `listener` with each statement, behind the piece that it was handed to the socket in. */
export function afterSend(wire: Wire, listener: (text: string, values: string[]) => void): void {
  hook(wire, {
    after(piece) {
      for (const { text, values } of piece) listener(text, values)
    }
  })
}

/** Calls `listener` with the texts of each piece. */
export function afterPiece(wire: Wire, listener: (texts: string[]) => void): void {
  hook(wire, { after: piece => listener(piece.map(({ text }) => text)) })
}

/** Calls `lose` in front of or behind the piece that comes after so many others; then the client is as it was. */
export function loseAt(wire: Wire, skipped: number, side: 'before' | 'behind', lose: () => void): void {
  const { stream } = wire.connection
  const write = stream.write.bind(stream)
  let left = skipped
  stream.write = bytes => {
    if (left > 0) {
      left -= 1
      return write(bytes)
    }
    stream.write = write
    if (side === 'before') lose()
    const isWritten = write(bytes)
    if (side === 'behind') lose()
    return isWritten
  }
}

/** What is handed to the socket in place of what the client hands over. */
export function tamperWith({ connection: { stream } }: Wire, change: (bytes: Buffer) => Buffer): void {
  const write = stream.write.bind(stream)
  stream.write = bytes => write(change(Buffer.from(bytes)))
}

/** Lets COMMIT through, keeps its answer out, and breaks the link when `cut` resolves. */
export function loseAnswerToCommit(wire: Wire, cut: () => Promise<void>): void {
  afterSend(wire, text => {
    if (text !== 'COMMIT') return
    deafen(wire)
    cut().then(() => breakLink(wire))
  })
}

interface Hooks {
  before?: (piece: Piece) => unknown
  after?: (piece: Piece) => void
}

function hook({ connection: { stream } }: Wire, { before, after }: Hooks) {
  const write = stream.write.bind(stream)
  const names = new Map<string, string>()
  stream.write = bytes => {
    const piece = statementsIn(Buffer.from(bytes), names)
    before?.(piece)
    const isWritten = write(bytes)
    after?.(piece)
    return isWritten
  }
}

const HEADER_BYTES = 5

function statementsIn(bytes: Buffer, names: Map<string, string>): Piece {
  const piece: Piece = []
  // The start-up message has no letter.
  if (bytes[0] === 0) return piece
  for (let start = 0; start + HEADER_BYTES <= bytes.length; start += bytes.readUInt32BE(start + 1) + 1) {
    const body = bytes.subarray(start + HEADER_BYTES, start + 1 + bytes.readUInt32BE(start + 1))
    const [first = '', second = ''] = body.toString().split('\0', 2)
    const letter = String.fromCharCode(bytes[start] ?? 0)
    if (letter === 'Q') piece.push({ text: first, values: [] })
    if (letter === 'P') names.set(first, second)
    // Each is executed once, right behind its Bind.
    if (letter === 'B') piece.push({ text: names.get(second) ?? '', values: valuesOf(body, second) })
  }
  return piece
}

/** All formats, then all values, each behind its length; -1 is null. */
function valuesOf(bind: Buffer, statement: string): string[] {
  let start = Buffer.byteLength(statement) + 2
  start += 2 + 2 * bind.readUInt16BE(start)
  const values = Array.from<string>({ length: bind.readUInt16BE(start) })
  start += 2
  return values.map(() => {
    const length = Math.max(bind.readInt32BE(start), 0)
    start += 4 + length
    return bind.toString('utf8', start - length, start)
  })
}
