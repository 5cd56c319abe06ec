/**
 * Owns a server's place on the loopback interface.
 */
import type { AddressInfo, Server } from 'node:net'
import { systemCode } from './failure.ts'

export const HOST = '127.0.0.1'

export interface Listening {
  port: number
  /** True when the port asked for was taken, and another one is used. */
  portWasTaken: boolean
}

/** Listens at the port, or at any free one when it is taken. */
export async function listen(server: Server, port: number): Promise<Listening> {
  try {
    await listenAt(server, port)
    return { port: portOf(server), portWasTaken: false }
  } catch (error) {
    if (systemCode(error) !== 'EADDRINUSE') throw error
    await listenAt(server, 0)
    return { port: portOf(server), portWasTaken: true }
  }
}

function listenAt(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: HOST, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address()
  /* c8 ignore next -- a server that listens at a host has an address; this tells the compiler */
  if (address === null || typeof address === 'string') throw new TypeError('the server has no port')
  return address.port
}
