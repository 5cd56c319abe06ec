/**
 * Owns one WebSocket to a proxy and the protocol on it, message by message: all that comes is kept as
 * short text, so that it can be held against what was recorded.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { type ClientOptions, WebSocket } from 'ws'
import { passwordMessage, queryMessage, startup, typed } from '../fixtures/wire.ts'
import { textOf } from './message-text.ts'

export interface Target {
  /** Of the endpoint, without a path. */
  url: string
  /** The name of the host that a client of Neon would use. */
  host: string
  user: string
  password: string
  database: string
}

export interface Opening {
  path?: string
  headers?: Record<string, string>
  deflate?: boolean
  /** Single letters come before the messages, one for each request for encryption. */
  letters?: number
}

export interface Conversation {
  socket: WebSocket
  /** All that has come. */
  said: string[]
  frameBytes: number[]
  pongs: number
  /** The body of BackendKeyData. */
  key: Buffer
  /** `closed CODE REASON`, once it is. */
  closed: string | undefined
  send(bytes: Buffer): void
  /** Resolves when a message of one of these types has come from now on, or the end; or nothing for so long. */
  until(types: string, timeoutMs?: number): Promise<void>
  /** Resolves at the end of the connection, or after so long. */
  end(timeoutMs?: number): Promise<void>
  /** Sends a query and answers rows, errors, notices and tags of the answer. */
  ask(text: string, timeoutMs?: number): Promise<string>
}

const HEADER_BYTES = 5
const TIMEOUT_MS = 20_000
const HANDSHAKE_TIMEOUT_MS = 20_000

export async function open(t: Test, { url, host }: Target, opening: Opening = {}): Promise<Conversation> {
  const { path = '/v2', headers = {}, deflate = false, letters = 0 } = opening
  const options: ClientOptions = {
    perMessageDeflate: deflate,
    headers: { host, ...headers },
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS
  }
  const socket = new WebSocket(url + path, options)
  t.teardown(() => socket.terminate())
  const waiting = new Set<(type: string) => void>()
  const take = createReader(letters, (type, body) => {
    if (type === 'K') conversation.key = Buffer.from(body)
    conversation.said.push(textOf(type, body))
    for (const look of waiting) look(type)
  })
  const conversation: Conversation = {
    socket,
    said: [],
    frameBytes: [],
    pongs: 0,
    key: Buffer.alloc(0),
    closed: undefined,
    send: bytes => socket.send(bytes, { binary: true }),
    until,
    end: timeoutMs => until('', timeoutMs),
    ask
  }
  socket.on('message', (data: Buffer) => {
    conversation.frameBytes.push(data.length)
    take(data)
  })
  socket.on('pong', () => {
    conversation.pongs += 1
  })
  socket.on('error', () => {})
  socket.once('close', (code, reason) => {
    conversation.closed = `closed ${code} ${reason}`.trim()
    // An empty type is among all types.
    for (const look of waiting) look('')
  })
  await once(socket, 'open')
  return conversation

  async function until(types: string, timeoutMs = TIMEOUT_MS): Promise<void> {
    if (conversation.closed !== undefined) return
    const over = new AbortController()
    let look: (type: string) => void = () => {}
    const come = new Promise<void>(resolve => {
      look = type => types.includes(type) && resolve()
    })
    waiting.add(look)
    const late = sleep(timeoutMs, undefined, { signal: over.signal }).catch(() => {})
    await Promise.race([come, late])
    waiting.delete(look)
    over.abort()
  }

  async function ask(text: string, timeoutMs?: number): Promise<string> {
    const before = conversation.said.length
    const answered = until('Z', timeoutMs)
    conversation.send(queryMessage(text))
    await answered
    return conversation.said
      .slice(before)
      .filter(message => /^[DENC]/.test(message))
      .join(' ')
  }
}

/** A conversation that has logged in, or was refused. */
export async function logIn(
  t: Test,
  target: Target,
  parameters: Record<string, string> = {},
  opening: Opening = {}
): Promise<Conversation> {
  const conversation = await open(t, target, opening)
  const asked = conversation.until('RE')
  const { user, database, password } = target
  conversation.send(startup({ user, database, ...parameters }))
  await asked
  if (!conversation.said.at(-1)?.startsWith('R')) return conversation
  const answered = conversation.until('ZE')
  conversation.send(passwordMessage(password))
  await answered
  return conversation
}

export const terminateMessage = typed('X')
export const syncMessage = typed('S')

/** Parse, Bind, Execute and Sync of a statement with one parameter. */
export function extendedQuery(text: string, value: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(value.length)
  return Buffer.concat([
    typed('P', `\0${text}\0\0\0`),
    typed('B', Buffer.concat([Buffer.from('\0\0\0\0\0\x01'), length, Buffer.from(`${value}\0\0`)])),
    typed('E', '\0\0\0\0\0'),
    syncMessage
  ])
}

/** Joins what belongs to one message only when it is whole, since a large one comes in many frames. */
function createReader(letters: number, onMessage: (type: string, body: Buffer) => void) {
  let parts: Buffer[] = []
  let bytes = 0
  let needed = 1
  let lettersLeft = letters
  return (data: Buffer) => {
    parts.push(data)
    bytes += data.length
    if (bytes < needed) return
    let rest = parts.length === 1 ? data : Buffer.concat(parts)
    for (; lettersLeft > 0 && rest.length > 0; lettersLeft -= 1) {
      onMessage('byte', rest.subarray(0, 1))
      rest = rest.subarray(1)
    }
    while (rest.length >= HEADER_BYTES && rest.length > rest.readUInt32BE(1)) {
      const end = rest.readUInt32BE(1) + 1
      onMessage(String.fromCharCode(rest.readUInt8()), rest.subarray(HEADER_BYTES, end))
      rest = rest.subarray(end)
    }
    parts = rest.length > 0 ? [rest] : []
    bytes = rest.length
    needed = rest.length >= HEADER_BYTES ? rest.readUInt32BE(1) + 1 : HEADER_BYTES
  }
}
