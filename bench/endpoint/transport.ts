/**
 * Owns the two ways that bytes reach Postgres: a socket, and a WebSocket as Neon's driver opens
 * it, with nothing in between that would cost time.
 */
import { once } from 'node:events'
import { connect, type NetConnectOpts } from 'node:net'
import { WebSocket } from 'ws'

export interface Transport {
  send(bytes: Buffer): void
  onBytes(listener: (bytes: Buffer) => void): void
  /** Calls back when the other side has closed, or with what broke. */
  onClose(listener: (cause: Error | undefined) => void): void
  destroy(): void
}

export async function openSocket(options: NetConnectOpts): Promise<Transport> {
  const socket = connect({ noDelay: true, ...options })
  await once(socket, 'connect')
  let broken: Error | undefined
  socket.on('error', error => {
    broken = error
  })
  return {
    send: bytes => socket.write(bytes),
    onBytes: listener => socket.on('data', listener),
    onClose: listener => socket.once('close', () => listener(broken)),
    destroy: () => socket.destroy()
  }
}

/** Sends the host name of the endpoint to the address that is given, so that no resolver has to know it. */
export async function openWebSocket(port: number, hostname: string): Promise<Transport> {
  const url = `ws://127.0.0.1:${port}/v2`
  const socket = new WebSocket(url, { perMessageDeflate: false, headers: { host: hostname } })
  await once(socket, 'open')
  let broken: Error | undefined
  socket.on('error', error => {
    broken = error
  })
  return {
    send: bytes => socket.send(bytes),
    onBytes: listener => socket.on('message', (bytes: Buffer) => listener(bytes)),
    onClose: listener => socket.once('close', () => listener(broken)),
    destroy: () => socket.terminate()
  }
}
