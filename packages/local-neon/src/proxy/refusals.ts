/**
 * Owns the words in which Neon refuses a login. The proxy sends all of them with severity
 * ERROR and SQLSTATE XX000, so a client has nothing else to go by.
 * Sources in neondatabase/neon: proxy/src/auth/mod.rs, proxy/src/auth/credentials.rs,
 * proxy/src/control_plane/errors.rs and messages.rs, proxy/src/compute/mod.rs.
 */

/** The answers that can be asked for by name. */
export const REFUSALS = {
  /** 404: there is no such endpoint. */
  'endpoint-not-found': 'Control plane request failed: endpoint cannot be found',
  /** 406. */
  'endpoint-disabled': 'Control plane request failed: endpoint is disabled',
  /** 423 and 422: a quota is used up, or the project is being maintained. */
  'quota-exceeded':
    'Control plane request failed: endpoint is temporarily unavailable. Check your quotas and/or contact our support.',
  /** Anything else that goes wrong in the control plane. */
  'control-plane': 'Control plane request failed',
  'ip-not-allowed':
    'This IP address 127.0.0.1 is not allowed to connect to this endpoint. ' +
    'Please add it to the allowed list in the Neon console. Make sure to check for IPv4 or IPv6 addresses.',
  'network-not-allowed': 'This connection is trying to access this endpoint from a blocked network.',
  'too-many-connections': 'Too many connections to this endpoint. Please try again later.',
  'too-many-attempts': 'Too many connections attempts',
  'no-permit':
    'Failed to acquire permit to connect to the database. ' +
    'Too many database connection attempts are currently ongoing.',
  'compute-unreachable': "Couldn't connect to compute node",
  /** Postgres itself; the proxy passes its words on, not its SQLSTATE. */
  'too-many-clients': 'sorry, too many clients already',
  /** PgBouncer. */
  'pooler-full': 'no more connections allowed (max_client_conn)'
} as const

export type RefusalName = keyof typeof REFUSALS

export const TLS_REQUIRED = 'connection is insecure (try using `sslmode=require`)'
export const LOGIN_TIMED_OUT = 'Authentication timed out'
/** For whatever a client should not have said in place of its password. */
export const INTERNAL_ERROR = 'Internal error'

export function passwordFailed(user: string): string {
  return `password authentication failed for user '${user}'`
}

export function inconsistentEndpoints(fromHost: string, fromOption: string): string {
  return `Inconsistent project name inferred from SNI ('${fromHost}') and project option ('${fromOption}').`
}

export function missingParameter(name: string): string {
  return `Parameter '${name}' is missing in startup packet.`
}

/** A login that is refused with a text; the proxy says it and disconnects. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}
