/**
 * Errors as the driver throws them, word for word as Neon's proxy, PgBouncer, Postgres, the
 * driver and ws say them.
 */
import { DatabaseError } from '@neondatabase/serverless'
import type { FailureCause } from '../../src/errors/failure-table.ts'

export function serverError(code: string, message = 'server text', severity = 'ERROR') {
  return Object.assign(new DatabaseError(message, message.length, 'error'), { code, severity })
}

export function systemError(code: string) {
  return Object.assign(new Error(`connect ${code}`), { code })
}

/** As the driver passes it on: no Error, and the real one inside. */
export function errorEvent(error: Error) {
  return { type: 'error', target: {}, error, message: error.message }
}

export interface Spoken {
  title: string
  reason: string
  cause: FailureCause
  error: unknown
}

const spoken = (reason: string, cause: FailureCause, text: string): Spoken[] => [
  { title: `${text} (XX000)`, reason, cause, error: serverError('XX000', text) },
  { title: `${text} (08P01)`, reason, cause, error: serverError('08P01', text) }
]
const driver = (reason: string, cause: FailureCause, text: string): Spoken => ({
  title: text,
  reason,
  cause,
  error: new Error(text)
})

/** Word for word as Neon's proxy, PgBouncer, Postgres, the driver and ws say it. */
export const SPOKEN: Spoken[] = [
  ...spoken('password', 'refused', "password authentication failed for user 'x'"),
  ...spoken('password', 'refused', 'malformed password message'),
  ...spoken('password', 'refused', 'SASL authentication failed'),
  ...spoken('password', 'refused', 'password too long'),
  ...spoken(
    'password',
    'refused',
    "server login has been failing, cached error: password authentication failed for user 'x' (server_login_retry)"
  ),
  ...spoken('endpoint-not-found', 'refused', 'Control plane request failed: endpoint cannot be found'),
  ...spoken('endpoint-disabled', 'refused', 'Control plane request failed: endpoint is disabled'),
  ...spoken('endpoint-not-named', 'refused', 'Endpoint ID is not specified.'),
  ...spoken(
    'endpoint-not-named',
    'refused',
    "Inconsistent project name inferred from SNI ('ep-cool-1') and project option ('x')."
  ),
  ...spoken(
    'quota',
    'refused',
    'Control plane request failed: endpoint is temporarily unavailable. Check your quotas and/or contact our support'
  ),
  ...spoken('quota', 'refused', 'Your account or project has exceeded the compute time quota.'),
  ...spoken('quota', 'refused', 'You have exceeded the limit of concurrently active endpoints.'),
  ...spoken(
    'address-not-allowed',
    'refused',
    'This IP address 192.0.2.1 is not allowed to connect to this endpoint.'
  ),
  ...spoken('address-not-allowed', 'refused', 'blocked network'),
  ...spoken('role-protected', 'refused', 'role x is protected'),
  ...spoken('startup-parameter', 'refused', 'unsupported startup parameter: options'),
  ...spoken(
    'startup-parameter',
    'refused',
    "unsupported options startup parameter: only '-c config=val' and '--config=val' are allowed"
  ),
  ...spoken('startup-parameter', 'refused', 'invalid command-line argument for server process: garbage'),
  ...spoken('startup-parameter', 'refused', '-c bad requires a value'),
  ...spoken('startup-parameter', 'refused', "Parameter 'user' is missing in startup packet."),
  ...spoken('tls-required', 'refused', 'connection is insecure (try using `sslmode=require`)'),
  ...spoken('authentication-method', 'refused', 'unsupported authentication method'),
  ...spoken('no-such-database-or-role', 'refused', 'database "x" does not exist'),
  ...spoken('no-such-database-or-role', 'refused', 'no such database: x'),
  ...spoken('no-such-database-or-role', 'refused', 'no such user'),
  ...spoken('not-permitted', 'refused', 'permission denied for database "x"'),
  ...spoken('not-permitted', 'refused', 'role "x" is not permitted to log in'),
  ...spoken('too-many-sessions', 'tooManyConnections', 'Too many connections attempts'),
  ...spoken(
    'too-many-sessions',
    'tooManyConnections',
    'Too many connections to this endpoint. Please try again later.'
  ),
  ...spoken(
    'too-many-sessions',
    'tooManyConnections',
    'Failed to acquire permit to connect to the database.'
  ),
  ...spoken('too-many-sessions', 'tooManyConnections', 'sorry, too many clients already'),
  ...spoken(
    'too-many-sessions',
    'tooManyConnections',
    'remaining connection slots are reserved for superusers'
  ),
  ...spoken('too-many-sessions', 'tooManyConnections', 'no more connections allowed (max_client_conn)'),
  ...spoken(
    'too-many-sessions',
    'tooManyConnections',
    'client connections exceeded (max_db_client_connections)'
  ),
  ...spoken(
    'too-many-sessions',
    'tooManyConnections',
    'client connections exceeded (max_user_client_connections)'
  ),
  ...spoken('compute-waking', 'waking', "Couldn't connect to compute node"),
  ...spoken('compute-waking', 'waking', 'the database system is starting up'),
  ...spoken(
    'compute-waking',
    'waking',
    'server login has been failing, cached error: the database system is starting up (server_login_retry)'
  ),
  ...spoken('compute-waking', 'waking', 'the database system is not yet accepting connections'),
  ...spoken('control-plane', 'waking', 'Control plane request failed'),
  ...spoken('server-gone', 'connection', 'server conn crashed?'),
  ...spoken('server-gone', 'connection', 'database removed'),
  ...spoken('server-gone', 'connection', 'server shutting down'),
  ...spoken('server-gone', 'connection', 'pgbouncer cannot connect to server'),
  ...spoken(
    'server-gone',
    'connection',
    'server login has been failing, cached error: connect failed (server_login_retry)'
  ),
  ...spoken('pooler-timeout', 'connection', 'query_wait_timeout'),
  ...spoken('pooler-timeout', 'connection', 'client_login_timeout'),
  ...spoken('pooler-timeout', 'connection', 'client_login_timeout (server down)'),
  ...spoken('internal-error', 'answer', 'Internal error'),
  ...spoken('server-gone', 'connection', 'terminating connection due to administrator command'),
  driver('no-answer', 'silence', 'Query read timeout'),
  driver('no-answer', 'silence', 'timeout exceeded when trying to connect'),
  driver('connection-ended', 'connection', 'Connection terminated unexpectedly'),
  driver('connection-ended', 'connection', 'Client has encountered a connection error and is not queryable'),
  driver('upgrade-refused', 'refused', 'Unexpected server response: 404'),
  driver('upgrade-failed', 'connection', 'Unexpected server response: 503')
]

export const SYSTEM_CODES: [string, FailureCause][] = [
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EPIPE', 'EHOSTUNREACH'].map(
    (code): [string, FailureCause] => [code, 'connection']
  ),
  ['ENETUNREACH', 'connection'],
  ['UND_ERR_SOCKET', 'connection'],
  ['WS_ERR_INVALID_OPCODE', 'connection'],
  ...[
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'ERR_TLS_CERT_ALTNAME_INVALID'
  ].map((code): [string, FailureCause] => [code, 'refused'])
]
