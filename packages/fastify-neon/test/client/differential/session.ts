/**
 * One connected client, with what is emitted on it, and what only its server's side knows.
 */
import type { Client } from '@neondatabase/serverless'
import { NeonClient } from '../../../src/client/client.ts'
import { type Heard, printedMessage } from './observation.ts'
import { insideOf, RESET, type Side } from './sides.ts'

export interface Session {
  side: Side
  client: Client
  pid: number
  /** What each ReadyForQuery says of the transaction, and whether the client knows. */
  statuses: unknown[]
  heard: Heard[]
  /** Resolves with the end of the connection. */
  ended: Promise<void>
  /** Ends both ends of it. */
  kill(): Promise<unknown>
}

export async function openSession(side: Side, lane: number): Promise<Session> {
  const client = side.createClient(lane)
  const { connection } = insideOf(client)
  const heard: Heard[] = []
  const statuses: unknown[] = []
  connection.on('readyForQuery', ({ status }) => {
    const isOpen = client instanceof NeonClient ? client.isInTransaction : status !== 'I'
    statuses.push({ status, isOpen })
  })
  client.on('error', () => heard.push(['client error']))
  client.on('notice', notice => heard.push(['notice', printedMessage(notice)]))
  client.on('notification', ({ channel, payload }) => heard.push(['notification', channel, payload]))
  const ended = new Promise<void>(resolve => {
    client.on('end', () => {
      heard.push(['client end'])
      resolve()
    })
  })
  await client.connect()
  const { rows } = await client.query('select pg_backend_pid() as pid')
  const { pid } = rows[0]
  await client.query(RESET)

  return {
    side,
    client,
    pid,
    statuses,
    heard,
    ended,
    kill() {
      connection.stream.ws.terminate()
      return side.terminate(pid)
    }
  }
}
