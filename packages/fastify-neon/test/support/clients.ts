/**
 * A single client on a database of its own, and each frame that it sends.
 */
import type { PoolConfig } from '@neondatabase/serverless'
import type { Test } from 'tap'
import { type Front, openFront } from '../../../../test/reliability/support/tamper.ts'
import { createDatabase, readServer } from '../../../../test/support/postgres.ts'
import { type ClientTransport, clientConfig, NeonClient } from '../../src/client/client.ts'
import { verifyConnectionUrl } from '../../src/connection-string/connection-url.ts'
import { createSocketRegister } from '../../src/socket/socket.ts'

export interface OpenClientOptions extends Partial<Pick<ClientTransport, 'pipelines' | 'names'>> {
  settings?: PoolConfig
  /** @default one of its own */
  databaseUrl?: string
  /** @default true */
  connects?: boolean
}

export interface OpenClient {
  client: NeonClient
  /** The letters of the messages in each frame since the last call. */
  sent: () => string[]
  front: Front
  databaseUrl: string
}

export async function openClient(
  t: Test,
  { settings = {}, pipelines = true, names, databaseUrl, connects = true }: OpenClientOptions = {}
): Promise<OpenClient> {
  const direct = databaseUrl ?? (await createDatabase(t))
  const front = await openFront(t, readServer())
  const frames: Buffer[] = []
  front.tamper({
    toServer(frame) {
      frames.push(frame)
      return false
    }
  })
  const { connection: url } = verifyConnectionUrl(front.through(direct))
  if (!url) throw new Error('no valid URL')
  const sockets = createSocketRegister({ handshakeTimeoutMs: 5000, secure: false })
  const client = new NeonClient(clientConfig(url, settings), { url, sockets, pipelines, names })
  t.teardown(() => client.kill())
  if (connects) await client.connect()
  frames.length = 0
  return { client, sent: () => frames.splice(0).map(lettersOf), front, databaseUrl: direct }
}

/** A statement with a parameter, which it gives back. */
export const number = (client: NeonClient, value: number) =>
  client.query('select $1::int as n', [value]).then(({ rows: [row] }) => row.n)

/** Of each message of the client its first byte. PostgreSQL, "Message Formats". */
function lettersOf(frame: Buffer): string {
  let letters = ''
  for (let start = 0; start < frame.length; start += 1 + frame.readUInt32BE(start + 1))
    letters += String.fromCharCode(frame[start] ?? 0)
  return letters
}
