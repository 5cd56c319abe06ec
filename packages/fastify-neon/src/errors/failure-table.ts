/**
 * What each error of the driver, the server, Neon's proxy and the network means, as data:
 * first to a cause, then, by how far the work had got, to a kind of failure.
 */
import type { FailureKind } from './errors.ts'

/** How far the work had got: until `begin` is answered nothing of it has been executed. */
export type FailurePhase = 'connect' | 'begin' | 'statement' | 'commit'

/** What an error says about the database, whenever it comes. */
export type FailureCause =
  /** A login that trying again does not change. */
  | 'refused'
  /** The compute is on its way up. */
  | 'waking'
  /** No more sessions than there are. */
  | 'tooManyConnections'
  /** The connection is gone, or never was. */
  | 'connection'
  /** A message that does not belong where it came; also how PgBouncer wraps errors of its own. */
  | 'protocol'
  /** No answer in time. */
  | 'silence'
  /** The server stopped the statement. */
  | 'cancelled'
  /** The server rolled back because of another transaction. */
  | 'contention'
  /** A constraint between rows. */
  | 'conflict'
  /** A value that its column does not take. */
  | 'invalid'
  /** Disk, memory or files of the server. */
  | 'resources'
  /** A write where nothing may be written. */
  | 'readOnly'
  /** Any other error that the server answered. */
  | 'answer'
  /** Nothing that this table knows. */
  | 'unknown'

/** The kind for each cause in each phase. What is not known is never one that is retried. */
export const KIND_BY_CAUSE = {
  refused: {
    connect: 'refused',
    begin: 'refused',
    statement: 'statement',
    commit: 'statement'
  },
  waking: {
    connect: 'waking',
    begin: 'waking',
    statement: 'lost',
    commit: 'commitOutcomeUnknown'
  },
  tooManyConnections: {
    connect: 'tooManyConnections',
    begin: 'tooManyConnections',
    statement: 'outOfResources',
    commit: 'outOfResources'
  },
  connection: {
    connect: 'unreachable',
    begin: 'unreachable',
    statement: 'lost',
    commit: 'commitOutcomeUnknown'
  },
  protocol: {
    connect: 'connectFailed',
    begin: 'unreachable',
    statement: 'lost',
    commit: 'commitOutcomeUnknown'
  },
  silence: {
    connect: 'unreachable',
    begin: 'unreachable',
    statement: 'timeout',
    commit: 'commitOutcomeUnknown'
  },
  cancelled: {
    connect: 'unreachable',
    begin: 'unreachable',
    statement: 'timeout',
    commit: 'timeout'
  },
  contention: {
    connect: 'connectFailed',
    begin: 'contention',
    statement: 'contention',
    commit: 'contention'
  },
  conflict: {
    connect: 'connectFailed',
    begin: 'statement',
    statement: 'conflict',
    commit: 'conflict'
  },
  invalid: {
    connect: 'connectFailed',
    begin: 'statement',
    statement: 'invalid',
    commit: 'invalid'
  },
  resources: {
    connect: 'outOfResources',
    begin: 'outOfResources',
    statement: 'outOfResources',
    commit: 'outOfResources'
  },
  readOnly: {
    connect: 'connectFailed',
    begin: 'readOnly',
    statement: 'readOnly',
    commit: 'readOnly'
  },
  answer: {
    connect: 'connectFailed',
    begin: 'statement',
    statement: 'statement',
    commit: 'statement'
  },
  unknown: {
    connect: 'connectFailed',
    begin: 'connectFailed',
    statement: 'statement',
    commit: 'commitOutcomeUnknown'
  }
} as const satisfies Record<FailureCause, Record<FailurePhase, FailureKind>>

/** PostgreSQL, Appendix A. A whole code wins over its class, which is its first two letters. */
export const CAUSE_BY_SQLSTATE: Readonly<Record<string, FailureCause>> = {
  '08': 'connection',
  // A protocol violation, and every error that PgBouncer makes itself.
  '08P01': 'protocol',
  '0A000': 'refused',
  '22': 'invalid',
  '23': 'conflict',
  '23502': 'invalid',
  '23514': 'invalid',
  '25006': 'readOnly',
  '25P03': 'connection',
  '25P04': 'connection',
  '28': 'refused',
  '3D000': 'refused',
  '40001': 'contention',
  // Statement completion unknown.
  '40003': 'connection',
  '40P01': 'contention',
  '42501': 'refused',
  '53': 'resources',
  '53300': 'tooManyConnections',
  '53400': 'tooManyConnections',
  '55P03': 'contention',
  '57014': 'cancelled',
  '57P01': 'connection',
  '57P02': 'connection',
  '57P03': 'waking',
  // The database was dropped.
  '57P04': 'refused',
  '57P05': 'connection',
  '58': 'resources'
}

export interface MessageRule {
  /** What a log line says in place of the server's words, which name users and databases. */
  reason: string
  pattern: RegExp
  cause: FailureCause
}

/** The codes whose text has to be read: Neon's proxy has no other than XX000, PgBouncer none than 08P01. */
export const SPOKEN_SQLSTATES: readonly string[] = ['XX000', '08P01']

/**
 * Texts of Neon's proxy, of PgBouncer, and of Postgres as the proxy passes it on at login. The
 * first that matches counts: PgBouncer quotes the error of its own last login.
 * Source: neondatabase/neon, proxy/src: error.rs, stream.rs, auth/, control_plane/messages.rs;
 * PgBouncer 1.24, src/client.c, janitor.c, objects.c and server.c; PostgreSQL, utils/init/postinit.c.
 */
export const CAUSE_BY_MESSAGE: readonly MessageRule[] = [
  // Before the quotas, whose words some of these have.
  {
    reason: 'too-many-sessions',
    pattern:
      /too many (?:connections|clients|servers in the pool)|connection slots are reserved|no more connections allowed|client connections exceeded|acquire permit to connect/i,
    cause: 'tooManyConnections'
  },
  {
    reason: 'password',
    pattern:
      /(?:password|SASL|SCRAM|PAM|MD5|"trust"|certificate) authentication failed|malformed password|password too long|empty password/i,
    cause: 'refused'
  },
  { reason: 'endpoint-not-found', pattern: /endpoint (?:cannot|could not) be found/i, cause: 'refused' },
  { reason: 'endpoint-disabled', pattern: /(?:endpoint|database ".*") is disabled/i, cause: 'refused' },
  {
    reason: 'endpoint-not-named',
    pattern: /endpoint ID is not specified|inconsistent project name/i,
    cause: 'refused'
  },
  {
    reason: 'quota',
    pattern: /quota|exceeded|limit of concurrently active|rate limit/i,
    cause: 'refused'
  },
  {
    reason: 'address-not-allowed',
    pattern: /IP address .*not allowed|blocked network|VPC endpoint/i,
    cause: 'refused'
  },
  { reason: 'role-protected', pattern: /role .*protected/i, cause: 'refused' },
  {
    reason: 'startup-parameter',
    pattern:
      /unsupported (?:options )?startup parameter|invalid command-line argument for server process|^-c .* requires a value|missing in startup packet/i,
    cause: 'refused'
  },
  { reason: 'tls-required', pattern: /connection is insecure|TLS .*required/i, cause: 'refused' },
  {
    reason: 'authentication-method',
    pattern:
      /unsupported authentication|authentication method .*not supported|no authentication method|wrong password type/i,
    cause: 'refused'
  },
  {
    reason: 'no-such-database-or-role',
    pattern:
      /(?:database|role) .*does not exist|no such (?:database|user)|database name .* is reserved|a database is required/i,
    cause: 'refused'
  },
  { reason: 'not-permitted', pattern: /permission denied|not permitted to log in/i, cause: 'refused' },
  {
    reason: 'compute-waking',
    pattern:
      /couldn't connect to compute node|database system is (?:starting up|in recovery|not yet accepting connections)/i,
    cause: 'waking'
  },
  // With something behind it, it is a refusal of a kind that is not in this table.
  { reason: 'control-plane', pattern: /^control plane request failed\.?$/i, cause: 'waking' },
  {
    reason: 'server-gone',
    pattern:
      /server (?:conn crashed|login failed|login has been failing|connection closed|shutting down|lifetime over|idle timeout|DNS lookup failed)|pooler is shutting down|pgbouncer cannot connect|connect (?:failed|timeout)|connect string changed|obsolete connection|database removed|admin forced disconnect|database system is shutting down|terminating connection|early eof/i,
    cause: 'connection'
  },
  {
    reason: 'pooler-timeout',
    pattern: /(?:query_wait|client_login|cancel_wait|client_idle|idle_transaction|query|suspend)_timeout/i,
    cause: 'connection'
  },
  // Neon's proxy says no more of what went wrong in it, or of a password of more than 512 bytes.
  { reason: 'internal-error', pattern: /^internal error$/i, cause: 'answer' }
]

/**
 * Texts that the driver (pg 8.8 and pg-pool 3.13 inside @neondatabase/serverless 1.2.0) and ws
 * give errors that have no code.
 */
export const CAUSE_BY_DRIVER_MESSAGE: readonly MessageRule[] = [
  {
    reason: 'no-answer',
    pattern: /^(?:Query read timeout|timeout expired|timeout exceeded when trying to connect)$/,
    cause: 'silence'
  },
  {
    reason: 'connection-ended',
    pattern:
      /^(?:Connection terminated|Client was closed and is not queryable|Client has encountered a connection error)/,
    cause: 'connection'
  },
  // Redirects are not followed, and the wrong address does not become the right one.
  {
    reason: 'upgrade-refused',
    pattern: /^Unexpected server response: (?:3\d\d|40[0134])$/,
    cause: 'refused'
  },
  { reason: 'upgrade-failed', pattern: /^Unexpected server response: (?:429|5\d\d)$/, cause: 'connection' }
]

export interface CodeRule {
  pattern: RegExp
  cause: FailureCause
}

/** Codes of Node.js ("Common system errors"), of ws, and those of OpenSSL for a certificate that does not verify. */
export const CAUSE_BY_SYSTEM_CODE: readonly CodeRule[] = [
  { pattern: /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)/, cause: 'refused' },
  {
    pattern:
      /^(?:ECONN(?:REFUSED|RESET|ABORTED)|ENOTFOUND|EAI_AGAIN|EAI_FAIL|ETIMEDOUT|EPIPE|EHOST(?:UNREACH|DOWN)|ENET(?:UNREACH|DOWN|RESET)|EADDRNOTAVAIL|EPROTO|UND_ERR_SOCKET)$/,
    cause: 'connection'
  },
  // Garbage of the other side, after which ws or the client ends the connection.
  { pattern: /^WS_ERR_|^ERR_PROTOCOL_VIOLATION$/, cause: 'connection' }
]
