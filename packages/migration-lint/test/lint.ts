/**
 * A way to the database that can be shut: every connection is reset until it opens.
 */
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { listen } from '../../local-neon/src/listen.ts'

export interface Gate {
  /** Of the database, through the lint. */
  url: string
  open(): void
}

export async function createGate(t: Test, databaseUrl: string): Promise<Gate> {
  const { hostname, port } = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let isOpen = false
  const server = createServer(socket => {
    if (!isOpen) return socket.resetAndDestroy()
    const upstream = connect(Number(port), hostname)
    for (const end of [socket, upstream]) {
      sockets.add(end)
      end.on('error', () => {}).on('close', () => [socket, upstream].map(other => other.destroy()))
    }
    socket.pipe(upstream).pipe(socket)
  })
  const { port: gatePort } = await listen(server, 0)
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: Object.assign(new URL(databaseUrl), { port: gatePort }).href,
    open: () => {
      isOpen = true
    }
  }
}
