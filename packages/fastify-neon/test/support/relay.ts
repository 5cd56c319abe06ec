/**
 * A way to a database that can be shut and opened again, at one address.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'

export interface Relay {
  /** The same database, by way of here. */
  url: string
  /** Ends all connections, and refuses new ones. */
  shut(): void
  /** Ends all connections, and leaves new ones without an answer. */
  hold(): void
  open(): Promise<void>
}

export async function openRelay(t: Test, url: string): Promise<Relay> {
  const target = Number(new URL(url).port)
  const sockets = new Set<Socket>()
  let port = 0
  let isHeld = false
  let server = await listen()
  // The system gives a port to nobody else while there is a connection to it.
  const keeper = connect(port, '127.0.0.1')
  const [kept]: Socket[] = await once(server, 'connection')
  server.on('connection', relay)
  t.teardown(() => {
    keeper.destroy()
    kept?.destroy()
    shut()
  })

  return {
    url: Object.assign(new URL(url), { port: String(port) }).href,
    shut,
    hold() {
      isHeld = true
      destroyAll()
    },
    async open() {
      server = await listen()
      server.on('connection', relay)
    }
  }

  async function listen(): Promise<Server> {
    const listening = createServer().listen(port, '127.0.0.1')
    await once(listening, 'listening')
    port = Number(Reflect.get(Object(listening.address()), 'port'))
    return listening
  }

  function shut() {
    server.close()
    destroyAll()
  }

  function destroyAll() {
    for (const socket of sockets) socket.destroy()
  }

  function relay(client: Socket) {
    if (isHeld) {
      sockets.add(client.on('error', ignore))
      return
    }
    const upstream = connect(target, '127.0.0.1')
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client]
    ] as const) {
      sockets.add(socket)
      socket.on('error', ignore)
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  }
}

function ignore() {}
