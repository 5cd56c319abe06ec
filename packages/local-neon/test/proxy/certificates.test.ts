import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type ConnectionOptions, connect, createServer } from 'node:tls'
import t, { type Test } from 'tap'
import { LocalNeonError } from '../../src/failure.ts'
import { type CertificateFlaw, type Certificates, createCertificates } from '../../src/proxy/certificates.ts'
import { loadX509 } from '../../src/proxy/x509.ts'

const DAY_MS = 86_400_000

t.test('certificates', async t => {
  const certificates = await createCertificates({ hosts: ['ep-one.localhost', '10.0.0.7'] })
  const trusted = { ca: certificates.ca }

  t.test('are taken by a client that trusts the CA', async t => {
    for (const servername of ['localhost', 'ep-one.localhost']) {
      t.equal(await dial(t, certificates, 'none', { ...trusted, servername }), 'trusted', servername)
    }
  })

  t.test('are taken for the addresses of this machine and for one that was asked for', async t => {
    for (const host of ['127.0.0.1', '::1', '10.0.0.7']) {
      t.equal(new X509Certificate(certificates.context('none').cert).checkIP(host), host)
    }
  })

  t.test('hold a wildcard for endpoints, which Node.js takes for no host', async t => {
    const servername = 'ep-two.localhost'

    t.match(new X509Certificate(certificates.context('none').cert).subjectAltName, 'DNS:*.localhost')
    t.equal(await dial(t, certificates, 'none', { ...trusted, servername }), 'ERR_TLS_CERT_ALTNAME_INVALID')
  })

  t.test('are refused by a client that does not know the CA', async t => {
    t.equal(await dial(t, certificates, 'none', {}), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })

  t.test('are refused when another CA has signed them', async t => {
    t.equal(await dial(t, certificates, 'untrusted', trusted), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })

  t.test('are refused when they have expired', async t => {
    t.equal(await dial(t, certificates, 'expired', trusted), 'CERT_HAS_EXPIRED')
  })

  t.test('are refused when they name another host', async t => {
    t.equal(await dial(t, certificates, 'wrong-name', trusted), 'ERR_TLS_CERT_ALTNAME_INVALID')
  })

  t.test('have one flaw each', async t => {
    const lenient: Record<Exclude<CertificateFlaw, 'none'>, ConnectionOptions> = {
      untrusted: { ca: [], rejectUnauthorized: false },
      expired: { ...trusted, rejectUnauthorized: false },
      'wrong-name': { ...trusted, checkServerIdentity: () => undefined }
    }

    t.equal(await dial(t, certificates, 'untrusted', lenient.untrusted), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    t.equal(await dial(t, certificates, 'expired', lenient.expired), 'CERT_HAS_EXPIRED')
    t.equal(await dial(t, certificates, 'wrong-name', lenient['wrong-name']), 'trusted')
    for (const flaw of ['untrusted', 'expired'] as const) {
      t.equal(new X509Certificate(certificates.context(flaw).cert).checkHost('localhost'), 'localhost')
    }
  })

  t.test('have elliptic keys, and a CA that signs nothing but servers', async t => {
    const ca = new X509Certificate(certificates.ca)
    const server = new X509Certificate(certificates.context('none').cert)

    t.strictSame(server.publicKey.asymmetricKeyDetails, { namedCurve: 'prime256v1' })
    t.ok(ca.ca)
    t.notOk(server.ca)
    t.ok(server.verify(ca.publicKey))
  })

  t.test('are made once', async t => {
    t.equal(certificates.context('none'), certificates.context('none'))
  })

  t.test('of two local Neons do not vouch for each other', async t => {
    const others = await createCertificates()

    t.equal(await dial(t, others, 'none', trusted), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })

  t.test('hold from an hour before the time they are made at', async t => {
    const now = new Date('2030-05-05T12:00:00Z')
    const { cert } = (await createCertificates({ now })).context('none')

    const { validFrom, validTo } = new X509Certificate(cert)

    t.equal(Date.parse(validFrom), Date.parse('2030-05-05T11:00:00Z'))
    t.equal(Date.parse(validTo) - now.getTime(), 30 * DAY_MS)
  })

  t.test('need two packages, which the error names when one is missing', async t => {
    const cause = new Error('Cannot find package')

    const attempt = loadX509(() => Promise.reject(cause))

    await t.rejects(attempt, LocalNeonError)
    await t.rejects(attempt, {
      code: 'LOCAL_NEON_UNSUPPORTED',
      message: /npm install --save-dev @peculiar\/x509@2 reflect-metadata@0\.2/,
      cause
    })
  })
})

/** What a client thinks of a server with this certificate: 'trusted', or the code of its reason. */
async function dial(
  t: Test,
  certificates: Certificates,
  flaw: CertificateFlaw,
  options: ConnectionOptions
): Promise<string> {
  const server = createServer(certificates.context(flaw), socket => socket.on('error', () => {}).end())
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const client = connect({ host: '127.0.0.1', port, servername: 'localhost', ...options })
  t.teardown(() => client.destroy())
  return await new Promise(resolve => {
    client.once('secureConnect', () => resolve(codeOf(client.authorizationError)))
    client.once('error', error => resolve(codeOf(error)))
  })
}

/** A client that was told to go on has a code where the error would be, or null. */
function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code)
  return error === null ? 'trusted' : String(error)
}
