/**
 * Every timeout and limit of the HTTP server, each with its reason. What a
 * deployment has to choose is in settings.ts.
 */

const SECOND_MS = 1000
const KIB = 1024

/** Longest time from the first byte of a request to the last of its body. Fastify's default, 0, switches Node's own 5 minutes off. */
const REQUEST_TIMEOUT_MS = 15 * SECOND_MS

export const SERVER_LIMITS = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  // A socket with no traffic at all, such as a client that does not read its answer.
  connectionTimeout: 60 * SECOND_MS,
  // Longer than the load balancer in front keeps its idle connections, or it
  // sends a request into a closing socket and answers 502. AWS: 60 s by default;
  // Google Cloud: 600 s, fixed.
  keepAliveTimeout: 620 * SECOND_MS,
  // The largest task is 10 000 characters of notes, at most 12 bytes each as JSON escapes.
  bodyLimit: 128 * KIB,
  forceCloseConnections: 'idle' as const,
  // The connections plugin answers 503, with a problem body.
  return503OnClosing: false,
  routerOptions: {
    // The longest parameter is a uuid.
    maxParamLength: 64
  },
  http: {
    // Slow headers are cut off before the request as a whole is.
    headersTimeout: 10 * SECOND_MS,
    // How often the two are looked at; Node's default of 30 s would triple them.
    connectionsCheckingInterval: 5 * SECOND_MS,
    maxHeaderSize: 16 * KIB
  }
}

/** Of the searches of one user, in this process: they cost the database more than anything else. */
export const SEARCH_LIMITS = {
  // One that was typed, and the one that was typed on.
  atOnce: 2,
  // Some more windows.
  waiting: 8,
  // A search takes some ten milliseconds; the rest is a database that is busy or has to read from its disk.
  timeoutMs: 2 * SECOND_MS
}

/** Of the Redis in which all replicas count. Nobody waits longer for it. */
export const REDIS_LIMITS = {
  // Many round trips within a region. A connection that is silent for so long is closed, and made again.
  answerTimeoutMs: 500,
  connectTimeoutMs: SECOND_MS,
  /** Between tries to connect. */
  maxPauseMs: 5 * SECOND_MS
}

/** How connections end when the server closes. */
export const CLOSING_LIMITS = {
  stallTimeoutMs: REQUEST_TIMEOUT_MS,
  // From a client in the same region, or a proxy in the same cluster, a request arrives within some ten.
  lingerMs: 200
}

/** Limits that only the made server takes. What is done with too many requests is in plugins/http/overload.ts. */
export const SOCKET_LIMITS = {
  // Each with a request that waits takes about 25 KiB: with all of them a process stays within the 384 MiB of a pod.
  maxConnections: 6000,
  // A browser sends about 20; Node's default is 2000.
  maxHeadersCount: 100
}
