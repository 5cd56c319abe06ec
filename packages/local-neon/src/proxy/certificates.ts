/**
 * Owns the certificates of the local endpoint: a certificate authority of its own, a good
 * server certificate, and one for each reason that a client has to refuse one. All of them live
 * in memory and end with the process.
 */
import { KeyObject, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { loadX509, type X509 } from './x509.ts'

/** What is wrong with a server certificate: nothing, its signer, its time, the host that it names. */
export type CertificateFlaw = 'none' | 'untrusted' | 'expired' | 'wrong-name'

export interface Certificates {
  /** PEM of the CA that clients have to trust. */
  ca: string
  /** Key and chain to serve, in PEM. They are made once, so asking again costs nothing. */
  context(flaw: CertificateFlaw): ServerCertificate
}

export interface ServerCertificate {
  key: string
  cert: string
}

export interface CertificateOptions {
  /**
   * Names and addresses beside localhost, *.localhost, 127.0.0.1 and ::1. An endpoint's host below
   * localhost belongs here too: psql takes *.localhost for it, Node.js takes no wildcard
   * directly below a top-level domain.
   */
  hosts?: string[]
  /** @default the present */
  now?: Date
}

interface Authority {
  keys: webcrypto.CryptoKeyPair
  /** PEM of its certificate. */
  certificate: string
}

interface Validity {
  notBefore: Date
  notAfter: Date
}

interface Subject {
  authority: Authority
  hosts: readonly string[]
  validity: Validity
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** For clients whose clock is behind. */
const BACKDATED_MS = HOUR_MS
const LIFETIME_MS = 30 * DAY_MS
/** Long enough ago for a client whose clock is behind. */
const EXPIRED_MS = DAY_MS

const LOCAL_HOSTS = ['localhost', '*.localhost', '127.0.0.1', '::1']
/** A host that nobody has: RFC 6761 keeps the domain unused. */
const OTHER_HOSTS = ['another-host.invalid']
const AUTHORITY_NAME = 'CN=Local Neon CA'
const SERVER_NAME = 'CN=Local Neon'
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

export async function createCertificates(options: CertificateOptions = {}): Promise<Certificates> {
  const { hosts = [], now = new Date() } = options
  const x509 = await loadX509()
  const valid = { notBefore: after(now, -BACKDATED_MS), notAfter: after(now, LIFETIME_MS) }
  const past = { notBefore: after(now, -LIFETIME_MS), notAfter: after(now, -EXPIRED_MS) }
  const authority = await createAuthority(x509, valid)
  const stranger = await createAuthority(x509, valid)
  const good = { authority, hosts: [...LOCAL_HOSTS, ...hosts], validity: valid }

  const contexts: Record<CertificateFlaw, ServerCertificate> = {
    none: await createServerCertificate(x509, good),
    untrusted: await createServerCertificate(x509, { ...good, authority: stranger }),
    expired: await createServerCertificate(x509, { ...good, validity: past }),
    'wrong-name': await createServerCertificate(x509, { ...good, hosts: OTHER_HOSTS })
  }
  return { ca: authority.certificate, context: flaw => contexts[flaw] }
}

async function createAuthority(x509: X509, validity: Validity): Promise<Authority> {
  const keys = await createKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: AUTHORITY_NAME,
    keys,
    ...validity,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  return { keys, certificate: certificate.toString('pem') }
}

/** The chain has one link: clients have the CA's own certificate, or do not trust it. */
async function createServerCertificate(x509: X509, subject: Subject): Promise<ServerCertificate> {
  const { authority, hosts, validity } = subject
  const keys = await createKeys()
  const certificate = await x509.X509CertificateGenerator.create({
    subject: SERVER_NAME,
    issuer: AUTHORITY_NAME,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    ...validity,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(hosts.map(toAlternativeName)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      // Tells two CAs of one name apart, so that the wrong one counts as unknown.
      await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey)
    ]
  })
  return { key: pemOf(keys.privateKey), cert: certificate.toString('pem') }
}

function createKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

function pemOf(privateKey: webcrypto.CryptoKey): string {
  return KeyObject.from(privateKey).export({ type: 'pkcs8', format: 'pem' }).toString()
}

function toAlternativeName(host: string): { type: 'ip' | 'dns'; value: string } {
  return { type: isIP(host) === 0 ? 'dns' : 'ip', value: host }
}

function after(now: Date, ms: number): Date {
  return new Date(now.getTime() + ms)
}
