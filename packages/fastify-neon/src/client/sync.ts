/**
 * A bare Sync: the server answers it with ReadyForQuery and runs nothing, on a direct host and behind PgBouncer, so
 * it asks a connection whether its server is still there. To a compute it counts as activity, as a query does.
 */
import type { Answerable, Submittable } from './driver.ts'

/** Of the driver's connection what is needed here. */
interface Writable {
  stream: { write(bytes: Uint8Array): unknown }
}

// PostgreSQL, "Message Formats", Sync.
const SYNC = Buffer.from([0x53, 0, 0, 0, 4])

export class Sync implements Submittable {
  /** The driver wraps it with the limit of time of a statement. */
  callback: Answerable['callback']

  constructor(onAnswer: (error: unknown) => void) {
    this.callback = onAnswer
  }

  submit({ stream }: Writable): null {
    stream.write(SYNC)
    return null
  }

  handleReadyForQuery() {
    this.callback?.(null)
  }

  handleError(error: unknown) {
    this.callback?.(error)
  }

  handleRowDescription = ignore
  handleDataRow = ignore
  handleCommandComplete = ignore
  handleEmptyQuery = ignore
}

/* c8 ignore next -- a Sync is answered by ReadyForQuery alone */
function ignore() {}
