/**
 * Owns the connections of clients: the network that each has, what is known of it, and the ways
 * to end it.
 */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { Fault } from '../faults/fault.ts'
import { isOfNetwork, type Network, networkOf } from '../faults/network.ts'
import type { ConnectionFacts, Faults, Subject } from '../faults/registry.ts'
import { createWire } from '../faults/wire.ts'

export interface Connection extends Subject {
  facts: ConnectionFacts & { transport: 'ws' | 'tcp' }
  /** The bytes that cross the network; the protocol is spoken on it, or a WebSocket is. */
  stream: Duplex
  /** The name that the client used in TLS, or in the Host header. */
  host: string | undefined
  isSecure: boolean
  /** What a login over TLS can be bound to: the hash of the server's certificate. */
  channelBinding: Buffer | undefined
  /** An orderly end, with a close code where there is a WebSocket. */
  disconnect: (code: number) => void
  /** The end of the TCP connection behind these bytes, without a close frame. */
  breakOff: (last?: Buffer) => void
  /** A TCP reset. */
  reset(): void
}

export interface ConnectionOptions {
  /** The connection itself. */
  tcp: Socket
  /** What is above its TLS; the same where there is none. */
  socket: Socket
  transport: 'ws' | 'tcp'
  host: string | undefined
  channelBinding?: Buffer | undefined
}

export interface Connections {
  /** Throws away who meets a fault right at the beginning; the stream is destroyed then. */
  open(options: ConnectionOptions): Connection
  /** To be called when something new is known of a connection. */
  update(connection: Connection): void
  /** To be called when a fault has come or gone. */
  onFaultChange(added?: Fault): void
}

/** RFC 6455: the server goes away. */
const GOING_AWAY = 1001

export function createConnections(faults: Faults, clock: Clock): Connections {
  const connections = new Map<Connection, (network: Network) => void>()
  return { open, update, onFaultChange }

  function open({ tcp, socket, transport, host, channelBinding }: ConnectionOptions): Connection {
    const wire = createWire(socket, clock)
    const connection: Connection = {
      facts: { transport },
      ticket: faults.ticket(),
      stream: wire.stream,
      host,
      isSecure: tcp !== socket,
      channelBinding,
      disconnect: () => wire.stream.end(),
      breakOff: last => void wire.stream.end(last),
      reset() {
        tcp.resetAndDestroy()
        wire.stream.destroy()
      }
    }
    connections.set(connection, ({ toServer, toClient, isTimeout }) =>
      wire.shape(toServer, toClient, isTimeout)
    )
    tcp.once('close', () => connections.delete(connection))
    if (faults.areThere) {
      update(connection)
      if (faults.meet('reset', connection, ({ connections }) => isForNew(connections))) connection.reset()
      else if (faults.meet('close', connection, ({ connections }) => isForNew(connections)))
        connection.stream.end()
    }
    return connection
  }

  function update(connection: Connection): void {
    if (faults.areThere) connections.get(connection)?.(networkOf(faults, connection))
  }

  function onFaultChange(added?: Fault): void {
    if (added?.type === 'reset' || added?.type === 'close') endExisting(added)
    else if (!added || isOfNetwork(added))
      for (const [connection, shape] of connections) shape(networkOf(faults, connection))
  }

  /** By the fault that has come, and no older one: its connections are those that were there. */
  function endExisting(added: Fault): void {
    for (const connection of connections.keys()) {
      const isMeant = (fault: Fault & { connections?: string }) =>
        fault === added && fault.connections !== 'new'
      if (faults.meet('reset', connection, isMeant)) connection.reset()
      const closed = faults.meet('close', connection, isMeant)
      if (closed) connection.disconnect(closed.code ?? GOING_AWAY)
    }
  }
}

function isForNew(connections: string | undefined): boolean {
  return connections === 'new' || connections === 'all'
}
