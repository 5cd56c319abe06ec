/**
 * The way to the database, from its name to the WebSocket: each step needs the one before.
 */
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect, isIP } from 'node:net'
import { checkServerIdentity, connect as connectTls, type PeerCertificate } from 'node:tls'
import { WebSocket } from 'ws'
import { systemCode } from '../../errors/driver-error.ts'
import { type Finding, failed, ok, type Patient, type Step, skipped, warning } from './step.ts'

const DAY_MS = 86_400_000
// Let's Encrypt renews 30 days before the end: what is left of less than half of that was forgotten.
const EXPIRY_WARNING_DAYS = 14

export const NETWORK_STEPS: readonly Step[] = [
  {
    name: 'DNS',
    async look({ url }) {
      const found = await lookup(url.host, { all: true }).catch(systemCode)
      if (typeof found !== 'object')
        return failed(
          `the host ${url.host} cannot be found (${found})`,
          'Check the host of the connection string, and the DNS of this machine.'
        )
      return ok(found.map(({ address, family }) => `IPv${family} ${address}`).join(', '))
    }
  },
  {
    name: 'TCP',
    async look({ url, port, timeoutMs }) {
      const addresses = await lookup(url.host, { all: true })
      return judgePort(
        `port ${port} of ${url.host}`,
        await Promise.all(
          addresses.map(async ({ address, family }) => ({
            family,
            refusal: await refusalOf(address, port, timeoutMs)
          }))
        )
      )
    }
  },
  { name: 'TLS', look: lookAtCertificate },
  {
    name: 'WebSocket',
    async look(patient) {
      const status = await upgradeOf(patient)
      return status === 'open'
        ? ok(addressOf(patient))
        : failed(
            `${addressOf(patient)} does not speak WebSocket as Neon does (${status})`,
            'Check the host: it must be an endpoint of Neon, or the local one of npx local-neon.'
          )
    }
  }
]

/** One try for each address. */
export function judgePort(port: string, tries: { family: number; refusal: string | undefined }[]): Finding {
  const refused = tries.filter(({ refusal }) => refusal !== undefined)
  const text = tries.map(({ family, refusal = 'open' }) => `IPv${family} ${refusal}`).join(', ')
  if (refused.length === 0) return ok(`${port}: ${text}`)
  return refused.length < tries.length
    ? warning(`${port}: ${text}`, 'Connections take longer: repair or switch off that way.')
    : failed(
        `${port} is not reached: ${text}`,
        'Check host and port, whether the database runs, and whether a firewall lets this machine through.'
      )
}

/** Why there is no connection; undefined when there is one. */
function refusalOf(host: string, port: number, timeoutMs: number): Promise<string | undefined> {
  const socket = connect({ host, port, signal: AbortSignal.timeout(timeoutMs) })
  return once(socket, 'connect')
    .then(
      () => undefined,
      error => String(systemCode(error)).replace('ABORT_ERR', 'no answer')
    )
    .finally(() => socket.destroy())
}

async function lookAtCertificate({ url, port, timeoutMs }: Patient): Promise<Finding> {
  if (!url.secure) return skipped('not used on this machine')
  const { host } = url
  // RFC 6066, 3: an address is no name of a server.
  const servername = isIP(host) ? '' : host
  const socket = connectTls({ host, port, servername, rejectUnauthorized: false })
  return once(socket, 'secureConnect', { signal: AbortSignal.timeout(timeoutMs) })
    .then(
      () => {
        const { authorizationError: refusal } = socket
        return judgeCertificate(socket.getPeerCertificate(), {
          host,
          protocol: socket.getProtocol(),
          refusal
        })
      },
      error =>
        failed(
          `${host}:${port} does not speak TLS as it should (${systemCode(error)})`,
          'Check host and port; for a database on this machine without TLS use sslmode=disable.'
        )
    )
    .finally(() => socket.destroy())
}

/** `refusal`: what is wrong with its chain; its own flaws are told first, since they hide behind that. */
export function judgeCertificate(
  certificate: PeerCertificate,
  { host, protocol, refusal }: { host: string; protocol: string | null; refusal?: unknown }
): Finding {
  const days = Math.floor((Date.parse(certificate.valid_to) - Date.now()) / DAY_MS)
  const until = `valid until ${new Date(certificate.valid_to).toISOString().slice(0, 10)}`
  if (days < 0)
    return failed(`the certificate has expired: ${until}`, 'Check the clock of this machine, and the host.')
  if (checkServerIdentity(host, certificate))
    return failed('the certificate is for another host', 'Check the host of the connection string.')
  if (refusal)
    return failed(
      `the certificate is not trusted (${refusal})`,
      'Check the host; for a certificate authority of your own set NODE_EXTRA_CA_CERTS.'
    )
  const text = `${protocol}, ${until}`
  return days < EXPIRY_WARNING_DAYS ? warning(text, 'Have the certificate renewed.') : ok(text)
}

export function addressOf({ url, port }: Pick<Patient, 'url' | 'port'>): string {
  const host = url.host.includes(':') ? `[${url.host}]` : url.host
  return `${url.secure ? 'wss' : 'ws'}://${host}:${port}/v2`
}

function upgradeOf(patient: Patient): Promise<string> {
  const { timeoutMs: handshakeTimeout } = patient
  const socket = new WebSocket(addressOf(patient), { handshakeTimeout, perMessageDeflate: false })
  return new Promise<string>(resolve => {
    socket.once('open', () => resolve('open'))
    socket.once('unexpected-response', (_request, { statusCode }) => resolve(`HTTP ${statusCode}`))
    socket.once('error', ({ message }) => resolve(message))
  }).finally(() => socket.terminate())
}
