/**
 * Every rule that a connection string is held to, with what it says and the fix. No finding quotes
 * what may be a piece of a password.
 */
export type Severity = 'error' | 'warning' | 'info'
export type FindingCode = keyof typeof RULES

export interface Finding {
  code: FindingCode
  severity: Severity
  /** Names the variable and the rule; free of secrets, so it may be logged. */
  message: string
  /** What to do about it; free of secrets as well. */
  fix: string
}

/** `%s` takes names that are known to be no secret. */
const RULES = {
  'value-missing': [
    'error',
    'is not set',
    'Set it to the connection string that the Neon console shows under Connect.'
  ],
  'value-empty': [
    'error',
    'is empty',
    'Set it to the connection string that the Neon console shows under Connect.'
  ],
  'value-too-long': [
    'error',
    'is longer than %s characters, which no connection string needs',
    'Check that nothing else was pasted into it, such as a certificate or a whole file.'
  ],
  'control-character': [
    'error',
    'holds a control, invisible or broken character, as it is or percent-encoded',
    'Copy it again; a line end encoded by accident shows as %0A or %0D.'
  ],
  'whitespace-around': [
    'error',
    'begins or ends with a space or a line break',
    'Remove it; `printf %s` writes no line break where `echo` does.'
  ],
  'whitespace-inside': [
    'error',
    'holds a space or a line break',
    'Write it on one line; a space that belongs to a name or to the password is %20.'
  ],
  quoted: [
    'error',
    'still has quotes around it',
    'Remove them: a shell takes quotes away, an environment file or a Kubernetes secret may not.'
  ],
  'psql-command': [
    'error',
    'holds a whole psql command',
    'Keep the URL alone, without `psql` and without the quotes.'
  ],
  'assignment-pasted': [
    'error',
    'holds a whole assignment, name included',
    'Keep what stands behind the equals sign.'
  ],
  'not-a-url': [
    'error',
    'is not a URL',
    'Write it as postgresql://user:password@host/database?sslmode=require; `host=… user=…` is not understood here.'
  ],
  'scheme-wrong': [
    'error',
    'must begin with postgresql:// or postgres://, in lower case',
    'Begin the value with postgresql://.'
  ],
  'user-missing': [
    'error',
    'names no user',
    'Write the role before the password: postgresql://user:password@…'
  ],
  'user-not-encoded': [
    'error',
    'has characters in its user that must be percent-encoded',
    'In the user write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, \\ as %5C, % as %25 and a space as %20.'
  ],
  'user-with-colon': [
    'error',
    'has a colon in its user, where the driver would cut it and take the rest for the password',
    'Use a role whose name has no colon.'
  ],
  'password-missing': [
    'error',
    'has no password',
    'Write it between the user and the host: postgresql://user:password@host/…; reset it in Neon if it is lost.'
  ],
  'password-not-encoded': [
    'error',
    'has characters in its password that must be percent-encoded',
    'In the password write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, \\ as %5C, % as %25 and a space as %20.'
  ],
  'percent-undecodable': [
    'error',
    'has a percent-encoded part that is not UTF-8',
    'Write %25 for a percent sign that means itself, or encode the part again with encodeURIComponent.'
  ],
  'host-missing': ['error', 'names no host', 'Write the host behind the @, as the Neon console shows it.'],
  'host-list': [
    'error',
    'lists more than one host',
    'Name one host: Neon moves an endpoint behind its name.'
  ],
  'host-socket': [
    'error',
    'points to a Unix socket, which a WebSocket cannot reach',
    'Name a host; for a database on this machine, localhost.'
  ],
  'host-invalid': [
    'error',
    'has a host that is neither a name nor an address',
    'Use letters, digits, hyphens and dots, or an IPv6 address in brackets; check that the password is encoded.'
  ],
  'port-invalid': [
    'error',
    'has a port that is not a whole number from 1 to 65535',
    'Leave it out, or write 5432; an IPv6 address stands in brackets, and the password must be encoded.'
  ],
  'port-ignored': [
    'warning',
    'names a port other than 5432, which psql obeys and Neon does not serve; the driver uses 443 on Neon anyway',
    'Leave the port out.'
  ],
  'database-missing': [
    'error',
    'names no database',
    'Write it behind the host: …@host/database; on Neon it is often neondb.'
  ],
  'database-invalid': [
    'error',
    'has a database name with /, \\, &, = or % in it',
    'End the name at the first ?, which is where parameters begin; write / as %2F if it is part of the name.'
  ],
  fragment: [
    'error',
    'holds a #, and everything behind it would be cut off',
    'Write %23 if it belongs to a name, or remove it with what follows.'
  ],
  placeholder: [
    'error',
    'still holds a placeholder as its %s',
    'Put the real value in its place; the Neon console shows the whole string under Connect, Show password.'
  ],
  'sslmode-missing': [
    'error',
    'has no sslmode, and its host is not this machine',
    'Add ?sslmode=require (or &sslmode=require behind other parameters).'
  ],
  'sslmode-weak': [
    'error',
    'has an sslmode that allows a connection in clear text to another machine',
    'Write sslmode=require, verify-ca or verify-full.'
  ],
  'sslmode-unknown': [
    'error',
    'has an sslmode that is not one of disable, allow, prefer, require, verify-ca and verify-full',
    'Write sslmode=require.'
  ],
  'tls-file': [
    'error',
    'has %s, which the driver cannot read: the WebSocket checks TLS against the certificate authorities of the system',
    'Remove it; for a certificate authority of your own set NODE_EXTRA_CA_CERTS.'
  ],
  'parameter-not-encoded': [
    'error',
    'has an @ or a lone % behind its ?, where both must be percent-encoded',
    'Write %40 for every @ but the one before the host, and %25 for a percent sign.'
  ],
  'parameter-overrides': [
    'error',
    'has %s among its parameters, which some tools obey instead of the URL itself',
    'Write it in the URL itself: postgresql://user:password@host:port/database.'
  ],
  'parameter-repeated': [
    'warning',
    'has a parameter more than once, and the last one wins: %s',
    'Keep the one that is meant.'
  ],
  'parameter-unknown': [
    'warning',
    'has a parameter that is not known here: %s',
    'Check its spelling, or remove it.'
  ],
  'parameter-without-effect': [
    'info',
    'has parameters that have no effect on this driver: %s',
    'Nothing to do; they stay for other tools.'
  ],
  'timeout-dropped': [
    'warning',
    'sets %s, which Neon drops in silence when a session starts',
    'Use ALTER ROLE … SET, or SET LOCAL in the transaction.'
  ],
  'options-refused-by-pooler': [
    'warning',
    'sets server settings in its options, which the pooler of Neon refuses at login',
    'Remove them, use the direct host, or use ALTER ROLE … SET.'
  ],
  'options-forwarded': [
    'info',
    'has options, which go to the server as they are',
    'Nothing to do; a server other than Neon refuses endpoint=….'
  ],
  'endpoint-mismatch': [
    'error',
    'names another endpoint in its options than in its host, which Neon refuses',
    'Remove endpoint=… from options: the host says it already.'
  ],
  'neon-endpoint': ['info', 'points to Neon: %s', 'Nothing to do.']
} as const satisfies Record<string, readonly [Severity, string, string]>

export interface Note {
  /** Takes the place of `%s`. */
  names?: string
  /** Stands in for the usual fix. */
  fix?: string
}
export type Report = (code: FindingCode, note?: Note) => undefined

/** Collects findings about this variable, each code at most once. */
export function createReport(variable: string): { findings: Finding[]; report: Report } {
  const findings: Finding[] = []
  return { findings, report }

  function report(code: FindingCode, { names = '', fix }: Note = {}): undefined {
    if (findings.some(finding => finding.code === code)) return
    const [severity, rule, usualFix] = RULES[code]
    const message = `${variable} ${rule.replace('%s', () => names)}`
    findings.push({ code, severity, message, fix: fix ?? usualFix })
  }
}

/** Those that keep the connection string from being used. */
export function errorsOf(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ severity }) => severity === 'error')
}
