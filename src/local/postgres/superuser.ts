/**
 * Owns the one session of the superuser: what compute_ctl and the control plane of Neon know and
 * do. It is in the database `postgres`, which the measuring of idle time leaves out.
 */
import type { Socket } from 'node:net'
import { ignore } from '../failure.ts'
import { BACKEND, errorFields, FRONTEND, message, readMessage } from '../protocol/messages.ts'
import { openBackend } from './backend.ts'
import { SUPERUSER } from './cluster.ts'

export interface Superuser {
  /** Rows of texts, null being ''. One statement at a time, in the order of the calls; connects when it has to. */
  query(sql: string): Promise<string[][]>
  end(): void
}

const MAX_MESSAGE_BYTES = 1024 * 1024
const PARAMETERS = [
  ['user', SUPERUSER],
  ['database', 'postgres'],
  ['application_name', 'compute_ctl:local']
] as const

export function createSuperuser(socketPath: string): Superuser {
  let socket: Socket | undefined
  let last: Promise<unknown> = Promise.resolve()
  return {
    query(sql) {
      const answer = last.then(() => ask(sql))
      last = answer.catch(ignore)
      return answer
    },
    end: () => socket?.destroy()
  }

  async function ask(sql: string): Promise<string[][]> {
    // A backend that crashes takes all others with it, this one included.
    if (!socket?.readable) socket = (await openBackend(socketPath, PARAMETERS)).socket
    socket.write(message(FRONTEND.QUERY, `${sql}\0`))
    return await answerFrom(socket)
  }
}

async function answerFrom(socket: Socket): Promise<string[][]> {
  const rows: string[][] = []
  let failure: Error | undefined
  for (;;) {
    const { type, body } = await readMessage(socket, MAX_MESSAGE_BYTES)
    if (type === BACKEND.DATA_ROW) rows.push(columnsOf(body))
    if (type === BACKEND.ERROR_RESPONSE) failure = new Error(errorFields(body).get('M'))
    if (type !== BACKEND.READY_FOR_QUERY) continue
    if (failure) throw failure
    return rows
  }
}

/** Quotes a text for a statement. */
export function literal(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

const COUNT_BYTES = 2
const LENGTH_BYTES = 4
const NULL_LENGTH = -1

function columnsOf(body: Buffer): string[] {
  const columns: string[] = []
  let at = COUNT_BYTES
  while (at < body.length) {
    const length = body.readInt32BE(at)
    at += LENGTH_BYTES
    columns.push(body.toString('utf8', at, at + Math.max(length, 0)))
    if (length !== NULL_LENGTH) at += length
  }
  return columns
}
