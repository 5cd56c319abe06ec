/**
 * Why there is no connection, in words for a person at a terminal: what failed, for which role, host and port, by
 * which code, and what to do. The password is not in it, and neither are the server's own words.
 */
import type { ConnectionUrl } from '../connection-string/connection-url.ts'
import { driverPort } from '../connection-string/host.ts'
import { serverErrorIn, systemCode } from './driver-error.ts'
import { DatabaseFailure, toFailure } from './failure.ts'

/** As the failure that it is made of, with another text. */
export class ConnectionFailure extends DatabaseFailure {
  constructor(failure: DatabaseFailure, url: ConnectionUrl) {
    const { kind, original: cause, sqlState, reason } = failure
    super(kind, { cause, sqlState, reason })
    this.message = wordsOf(failure, url)
  }
}

/** For whatever was thrown while a connection was made. */
export function toConnectionFailure(error: unknown, url: ConnectionUrl): ConnectionFailure {
  return new ConnectionFailure(toFailure(error, 'connect'), url)
}

interface Words {
  /** Codes, reasons and kinds of failure that it stands for. */
  when: RegExp
  what: (url: Named) => string
  todo: string
}

interface Named {
  role: string
  database: string
  host: string
  /** With the port that is connected to: on Neon it is 443, whatever the URL says. */
  address: string
}

/** The first that matches counts: a SQLSTATE, a code of Node.js, a reason of the table of failures, the kind. */
const WORDS: readonly Words[] = [
  {
    when: /^(?:28P01|password)$/,
    // Neither Postgres nor Neon tells the two apart.
    what: ({ role, address }) => `${address} refused the password of role ${role}, or has no such role`,
    todo: 'Check user and password of the connection string, as the Neon console shows them under Connect.'
  },
  {
    when: /^(?:3D000|no-such-database)$/,
    what: ({ database, address }) => `there is no database ${database} at ${address}`,
    todo: 'Check the name of the database, behind the host in the connection string.'
  },
  {
    when: /^(?:28000|42501|no-such-role|not-permitted|role-protected|authentication-method)$/,
    what: ({ role, database, address }) => `${address} does not let role ${role} into database ${database}`,
    todo: 'Check that the role exists, may log in, and has the right to CONNECT.'
  },
  {
    when: /^endpoint-(?:not-found|not-named)$/,
    what: ({ host }) => `Neon has no endpoint of the name in ${host}`,
    todo: 'Check the host of the connection string: the branch or its endpoint may have been deleted.'
  },
  {
    when: /^endpoint-disabled$/,
    what: ({ host }) => `the endpoint of ${host} is disabled`,
    todo: 'Enable it in the Neon console.'
  },
  {
    when: /^quota$/,
    what: ({ host }) => `a quota of the Neon project of ${host} is used up`,
    todo: 'Look at the usage in the Neon console.'
  },
  {
    when: /^address-not-allowed$/,
    what: ({ host }) => `${host} does not accept connections from this IP address`,
    todo: 'Add the address to IP Allow in the Neon console.'
  },
  {
    when: /^startup-parameter$/,
    what: ({ address }) => `${address} does not take a parameter in options of the connection string`,
    todo: 'Take it out, or use the direct host.'
  },
  {
    when: /^(?:ENOTFOUND|EAI_FAIL)$/,
    what: ({ host }) => `the host ${host} cannot be found`,
    todo: 'Check the host of the connection string.'
  },
  {
    when: /^EAI_AGAIN$/,
    what: ({ host }) => `DNS did not answer where the host ${host} is`,
    todo: 'Run again, and check the DNS of this machine.'
  },
  {
    when: /^ECONNREFUSED$/,
    what: ({ address }) => `nothing listens at ${address}`,
    todo: 'Check host and port of the connection string, and whether the database runs.'
  },
  {
    when: /^(?:EHOST|ENET)(?:UNREACH|DOWN)$/,
    what: ({ address }) => `there is no way to ${address}`,
    todo: 'Check the network of this machine.'
  },
  {
    when: /ALTNAME/,
    what: ({ address }) => `the TLS certificate of ${address} is for another host`,
    todo: 'Check the host of the connection string.'
  },
  {
    when: /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)/,
    what: ({ address }) => `the TLS certificate of ${address} is not trusted`,
    todo: 'Check the host and the clock of this machine; for a certificate of your own set NODE_EXTRA_CA_CERTS.'
  },
  {
    when: /^(?:EPROTO|ERR_SSL_\w+)$/,
    what: ({ address }) => `${address} does not speak TLS as it should`,
    todo: 'Check host and port; for a database on this machine without TLS use sslmode=disable.'
  },
  {
    when: /^(?:upgrade-refused|upgrade-failed|WS_ERR_\w+)$/,
    what: ({ address }) => `${address} does not speak WebSocket as Neon does`,
    todo: 'Check the host: it must be an endpoint of Neon, or the local one of npx local-neon.'
  },
  {
    when: /^(?:57P03|compute-waking|control-plane|waking)$/,
    what: ({ address }) => `the database at ${address} is starting`,
    todo: 'Run again in a few seconds.'
  },
  {
    when: /^(?:53300|53400|too-many-sessions|tooManyConnections)$/,
    what: ({ address }) => `${address} takes no more connections`,
    todo: 'Close some, or run again later.'
  },
  {
    when: /^(?:ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET|connection-ended|server-gone)$/,
    what: ({ address }) => `${address} closed the connection during the login`,
    todo: 'Run again, and check host and port.'
  },
  {
    when: /^(?:ETIMEDOUT|no-answer|timeout|unreachable)$/,
    what: ({ address }) => `${address} did not answer in time`,
    todo: 'Check the host, and whether a firewall lets this machine through.'
  }
]

const OTHERWISE: Words = {
  when: /^/,
  what: ({ role, database, address }) => `no connection to ${address}, database ${database}, as role ${role}`,
  todo: 'Check the connection string.'
}

function wordsOf(failure: DatabaseFailure, url: ConnectionUrl): string {
  const { sqlState, kind, original } = failure
  const code = sqlState ?? systemCode(original)
  const clues = [code, reasonOf(failure), kind].filter(clue => clue !== undefined)
  const words = clues.map(clue => WORDS.find(({ when }) => when.test(clue))).find(found => found) ?? OTHERWISE
  const known = code ?? failure.reason
  return `${words.what(namedBy(url))}${known === undefined ? '' : ` (${known})`}. ${words.todo}`
}

/** Which of the two is in the server's words alone. */
function reasonOf({ reason, original }: DatabaseFailure): string | undefined {
  if (reason !== 'no-such-database-or-role') return reason
  return serverErrorIn(original)?.message.includes('role') ? 'no-such-role' : 'no-such-database'
}

function namedBy(url: ConnectionUrl): Named {
  const { user, database, host } = url
  const shown = host.includes(':') ? `[${host}]` : host
  return {
    role: `"${user}"`,
    database: `"${database}"`,
    host,
    address: `${shown}:${driverPort(url)}`
  }
}
