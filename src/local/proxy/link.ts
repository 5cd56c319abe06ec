/**
 * Owns the connections of clients: the network that each has, what is known of it, and the ways
 * to end it.
 */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { Fault } from '../faults/fault.ts'
import { isOfNetwork, type Network, networkOf } from '../faults/network.ts'
import type { Faults, LinkFacts, Subject } from '../faults/registry.ts'
import { createWire } from '../faults/wire.ts'

export interface Link extends Subject {
  facts: LinkFacts & { transport: 'ws' | 'tcp' }
  /** The bytes that cross the network; the protocol is spoken on it, or a WebSocket is. */
  stream: Duplex
  /** The name that the client used in TLS, or in the Host header. */
  host: string | undefined
  isSecure: boolean
  /** What a login over TLS can be bound to: the hash of the server's certificate. */
  channelBinding: Buffer | undefined
  /** An orderly end, with a close code where there is a WebSocket. */
  hangUp: (code: number) => void
  /** The end of the TCP connection behind these bytes, without a close frame. */
  breakOff: (last?: Buffer) => void
  /** A TCP reset. */
  reset(): void
}

export interface LinkOptions {
  /** The connection itself. */
  tcp: Socket
  /** What is above its TLS; the same where there is none. */
  socket: Socket
  transport: 'ws' | 'tcp'
  host: string | undefined
  channelBinding?: Buffer | undefined
}

export interface Links {
  /** Throws away who meets a fault right at the beginning; the stream is destroyed then. */
  open(options: LinkOptions): Link
  /** To be called when something new is known of a link. */
  update(link: Link): void
  /** To be called when a fault has come or gone. */
  onFaultChange(added?: Fault): void
}

/** RFC 6455: the server goes away. */
const GOING_AWAY = 1001

export function createLinks(faults: Faults, clock: Clock): Links {
  const links = new Map<Link, (network: Network) => void>()
  return { open, update, onFaultChange }

  function open({ tcp, socket, transport, host, channelBinding }: LinkOptions): Link {
    const wire = createWire(socket, clock)
    const link: Link = {
      facts: { transport },
      ticket: faults.ticket(),
      stream: wire.stream,
      host,
      isSecure: tcp !== socket,
      channelBinding,
      hangUp: () => wire.stream.end(),
      breakOff: last => void wire.stream.end(last),
      reset() {
        tcp.resetAndDestroy()
        wire.stream.destroy()
      }
    }
    links.set(link, ({ toServer, toClient, isHung }) => wire.shape(toServer, toClient, isHung))
    tcp.once('close', () => links.delete(link))
    if (faults.areThere) {
      update(link)
      if (faults.meet('reset', link, ({ links }) => isForNew(links))) link.reset()
      else if (faults.meet('close', link, ({ links }) => isForNew(links))) link.stream.end()
    }
    return link
  }

  function update(link: Link): void {
    if (faults.areThere) links.get(link)?.(networkOf(faults, link))
  }

  function onFaultChange(added?: Fault): void {
    if (added?.type === 'reset' || added?.type === 'close') endExisting(added)
    else if (!added || isOfNetwork(added)) for (const [link, shape] of links) shape(networkOf(faults, link))
  }

  /** By the fault that has come, and no older one: its links are those that were there. */
  function endExisting(added: Fault): void {
    for (const link of links.keys()) {
      const isMeant = (fault: Fault & { links?: string }) => fault === added && fault.links !== 'new'
      if (faults.meet('reset', link, isMeant)) link.reset()
      const closed = faults.meet('close', link, isMeant)
      if (closed) link.hangUp(closed.code ?? GOING_AWAY)
    }
  }
}

function isForNew(links: string | undefined): boolean {
  return links === 'new' || links === 'all'
}
