/**
 * The inside of a client: what it sends, what it hears, and how to break its link at one of them.
 */

export interface Wire {
  connection: {
    query(text: string): void
    emit(event: string, message: unknown): boolean
    stream: { removeAllListeners(event: string): void; ws: { terminate(): void } }
  }
}

export function breakLink({ connection }: Wire): void {
  connection.stream.ws.terminate()
}

/** Breaks the link in front of each statement without parameters that begins like this, such as COMMIT. */
export function breakBefore(wire: Wire, beginning: string): void {
  const { connection } = wire
  const send = connection.query.bind(connection)
  connection.query = text => {
    if (text.startsWith(beginning)) breakLink(wire)
    send(text)
  }
}

/** Calls `listener` behind each message without parameters that is handed to the socket. */
export function afterSend({ connection }: Wire, listener: (text: string) => void): void {
  const send = connection.query.bind(connection)
  connection.query = text => {
    send(text)
    listener(text)
  }
}

/** Lets COMMIT through, keeps its answer out, and breaks the link when `cut` resolves. */
export function loseAnswerToCommit(wire: Wire, cut: () => Promise<void>): void {
  afterSend(wire, text => {
    if (text !== 'COMMIT') return
    wire.connection.stream.removeAllListeners('data')
    cut().then(() => breakLink(wire))
  })
}
