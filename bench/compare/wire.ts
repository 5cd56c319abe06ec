/**
 * Owns the count of round trips on one connection: bytes of the client that came after bytes of the server
 * begin a new one, whatever is in them, so that it holds for what is encrypted as well.
 */

export interface WireCount {
  fromClient(): void
  toClient(): void
  readonly roundTrips: number
}

/** The handshake of TCP is one, and has no bytes. */
const HANDSHAKE = 1

export function createWireCount(): WireCount {
  let bursts = 0
  let isAnswered = true

  return {
    fromClient() {
      if (isAnswered) bursts += 1
      isAnswered = false
    },
    toClient() {
      isAnswered = true
    },
    get roundTrips() {
      return HANDSHAKE + bursts
    }
  }
}
