/**
 * The limits of a pool, with the reason for each default.
 */
import { OptionInvalidError } from '../errors/errors.ts'
import { HEARTBEAT_INTERVAL_MS } from '../socket/socket.ts'

export interface PoolLimits {
  /** Most connections. @default 10 */
  max: number
  /**
   * Most reads of `fastify.db` and `request.db` that share one connection when all are in use. 1 switches sharing off.
   * @default 10
   */
  maxPipelined: number
  /**
   * Longest queue for a connection. One user takes at most as much of it as is left to the others. A request that does
   * not fit, or would wait longer than `checkoutTimeoutMs` at the current pace, is refused at once. @default 5000
   */
  maxWaiting: number
  /** Longest wait in that queue, in ms. @default 10 000 */
  checkoutTimeoutMs: number
  /** Longest time to make a connection, all tries together, including the wake of the compute, in ms. @default 15 000 */
  connectTimeoutMs: number
  /** Longest wait for the answer to one statement, in ms. Then it is cancelled on the server. @default 10 000 */
  statementTimeoutMs: number
  /** Longest time from the call of a transaction to its COMMIT, in ms. @default 60 000 */
  transactionTimeoutMs: number
  /** An idle connection is closed after this time, in ms. @default 60 000 */
  idleTimeoutMs: number
  /** A connection is closed at about this age, when it is free, in ms. @default 1 200 000 */
  maxLifetimeMs: number
  /**
   * Time between pings of the WebSocket to a peer that answers them at once, in ms. A lost peer is found after two to
   * three intervals. Neon's proxy does not answer at once: it gets a ping after five intervals of silence, and TCP
   * keep-alive finds its loss. @default 10 000
   */
  heartbeatIntervalMs: number
  /** A client that is checked out for longer is reported, with the place that took it, in ms. @default 120 000 */
  checkoutWarningMs: number
  /** Longest time that `end()` waits for clients that are checked out, in ms. @default 5 000 */
  endTimeoutMs: number
}

export const POOL_DEFAULTS: PoolLimits = {
  // The smallest compute takes 97 sessions on its direct host: room for nine replicas.
  // Source: Neon docs, "Connection pooling", max_connections by compute size.
  max: 10,
  maxPipelined: 10,
  // Some ten KiB each: the memory is the limit, since whoever waits too long is refused by the time.
  maxWaiting: 5000,
  checkoutTimeoutMs: 10_000,
  // Neon's proxy itself tries a wake for about 7 s and a connect for about 6 s.
  // Source: neondatabase/neon, proxy/src/config.rs.
  connectTimeoutMs: 15_000,
  statementTimeoutMs: 10_000,
  // Six statements at their deadline: longer than any request, shorter than a forgotten await.
  transactionTimeoutMs: 60_000,
  // Below the 5 minutes after which Neon suspends, so that idle connections end
  // here and not there.
  idleTimeoutMs: 60_000,
  maxLifetimeMs: 20 * 60_000,
  heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
  // Twelve statements at their deadline: what is out for longer was forgotten.
  checkoutWarningMs: 120_000,
  endTimeoutMs: 5000
}

// What a timer of Node.js takes.
const MAX_LIMIT = 2 ** 31 - 1

/** The defaults with what is given in their place. Throws FST_NEON_OPTION_INVALID for what no pool can work with. */
export function poolLimits(given: Partial<PoolLimits>): PoolLimits {
  const limits = { ...POOL_DEFAULTS }
  for (const name of Object.keys(POOL_DEFAULTS)) {
    const value = Reflect.get(given, name)
    if (value !== undefined) Reflect.set(limits, name, value)
    checkLimit(name, Reflect.get(limits, name))
  }
  return limits
}

/** Throws FST_NEON_OPTION_INVALID for what is no whole number in its range. */
export function checkLimit(name: string, value: number, { minimum = 1, maximum = MAX_LIMIT } = {}): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return
  throw new OptionInvalidError(`${name} must be a whole number from ${minimum} to ${maximum}`)
}
