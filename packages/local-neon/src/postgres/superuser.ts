/**
 * Owns the one session of the superuser: what compute_ctl and the control plane of Neon know and
 * do. It is in the database `postgres`, which the measuring of idle time leaves out.
 */
import type { Socket } from 'node:net'
import { ignore } from '../failure.ts'
import { BACKEND, errorFields, FRONTEND, message, ProtocolError, readMessage } from '../protocol/messages.ts'
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
  let isEnded = false
  let last: Promise<unknown> = Promise.resolve()
  return { query, end }

  function query(sql: string): Promise<string[][]> {
    const answer = last.then(() => ask(sql))
    last = answer.catch(ignore)
    return answer
  }

  function end(): void {
    isEnded = true
    socket?.destroy()
  }

  async function ask(sql: string): Promise<string[][]> {
    const rows = socket?.readable ? await askAgain(socket, sql) : undefined
    if (rows) return rows
    if (isEnded) throw new Error('the session of the superuser has ended')
    socket = (await openBackend(socketPath, PARAMETERS)).socket
    if (isEnded) socket.destroy()
    return await askOn(socket, sql)
  }
}

/** Undefined when the session is gone: a backend that crashes takes all others with it, which nobody hears who does not read. */
async function askAgain(socket: Socket, sql: string): Promise<string[][] | undefined> {
  try {
    return await askOn(socket, sql)
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

async function askOn(socket: Socket, sql: string): Promise<string[][]> {
  try {
    socket.write(message(FRONTEND.QUERY, `${sql}\0`))
    return await answerFrom(socket)
  } catch (error) {
    // The rest of an answer that cannot be read would be taken for the next one.
    if (error instanceof ProtocolError) socket.destroy()
    throw error
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
