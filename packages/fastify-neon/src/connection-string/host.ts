/**
 * Where a connection string points: what is a host, which hosts are this machine, and which are
 * Neon's, pooled or direct.
 */
import type { Report } from './findings.ts'

export interface Place {
  /** Lower case; an IPv6 address stands without its brackets. */
  host: string
  /** `localhost`, a name below it, 127.0.0.0/8 or ::1. */
  isLoopback: boolean
  isNeon: boolean
  /** The first host label ends with `-pooler`, on a Neon host; or, on this machine, the endpoint option does. */
  isPooled: boolean
  /** Such as `ep-cool-darkness-123456`, without `-pooler`. */
  endpointId?: string
  /** Such as `us-east-2.aws`. */
  region?: string
}

const HOST_OF_URL = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#:@]*)/i
const HOST = /^(?:\[[\da-f:.]+\]|[\w-]+(?:\.[\w-]+)*\.?)$/i
const LOOPBACK = /^(?:(?:.*\.)?localhost|127\.\d+\.\d+\.\d+|::1)$/
/** All three take `-pooler`: Vercel Postgres is Neon, and neon.build has hosts of the same shape. */
const NEON_SUFFIXES = ['.neon.tech', '.neon.build', '.postgres.vercel-storage.com']
const NEON_PORT = 443
const POOLER = '-pooler'
/** As it stands in a URL, encoded or not. */
const POOLED_OPTION =
  /([?&]options=(?:[^&]*?(?:%20|\+))?endpoint(?:%3d|=)[a-z\d-]+?)(?:-pooler)+(?=$|[&%+#])/i

/**
 * Drops `-pooler` from the first host label of a Neon host, and from the endpoint option of a
 * local Neon; any other URL comes back as it is.
 */
export function deriveDirectUrl(href: string): string {
  let isHere = false
  const direct = href.replace(HOST_OF_URL, (_all, before: string, host: string) => {
    const { isPooled, isLoopback } = placeOf(host.toLowerCase())
    isHere = isLoopback
    return before + (isPooled ? host.replace(/^[^.]+/, withoutPooler) : host)
  })
  return isHere ? direct.replace(POOLED_OPTION, '$1') : direct
}

/** Whether `options` names a pooled endpoint, as on this machine, where no host can. */
export function namesPooledEndpoint(options = ''): boolean {
  return /(?:^|\s)endpoint=\S+-pooler(?:\s|$)/i.test(options)
}

/** Also for a host that stands elsewhere, such as the address to listen on; brackets and case do not matter. */
export function isLoopbackHost(host: string): boolean {
  return placeOf(host.toLowerCase()).isLoopback
}

/** Where the driver connects to: Neon's proxy listens on 443 whatever the URL says, an endpoint on this machine on its port. */
export function driverPort<P>({ isLoopback, port }: { isLoopback: boolean; port: P }): P | number {
  return isLoopback ? port : NEON_PORT
}

/** Whether a compute of Neon is there, which sleeps when nothing is asked of it. */
export function isNeonHost(host: string): boolean {
  return placeOf(host.toLowerCase()).isNeon
}

/** Undefined, with a finding, when there is no host to connect to. */
export function readPlace(
  host: string,
  report: Report,
  isTemplate: (text: string) => boolean
): Place | undefined {
  if (host === '') return report('host-missing')
  if (host.includes(',')) return report('host-list')
  if (/^%2f/i.test(host)) return report('host-socket')
  if (HOST.test(host) && URL.canParse(`http://${host}`)) return placeOf(new URL(`http://${host}`).hostname)
  return isTemplate(host) ? undefined : report('host-invalid')
}

/** `hostname` is lower case, and an IPv4 address in it is written out, as the driver and WHATWG URL have it. */
function placeOf(hostname: string): Place {
  const host = hostname.replace(/^\[|\]$|\.$/g, '')
  const suffix = NEON_SUFFIXES.find(candidate => host.endsWith(candidate))
  if (suffix === undefined) return { host, isLoopback: LOOPBACK.test(host), isNeon: false, isPooled: false }

  const [label = '', ...area] = host.slice(0, -suffix.length).split('.')
  const endpointId = withoutPooler(label)
  const place = { host, isLoopback: false, isNeon: true, isPooled: endpointId !== label }
  if (!endpointId.startsWith('ep-')) return place
  // c-2 and the like name a cell within the region.
  const region = area.filter(part => !/^c-\d+$/.test(part)).join('.')
  return region === '' ? { ...place, endpointId } : { ...place, endpointId, region }
}

/** However often it is there, so that a direct host is its own direct host. */
export function withoutPooler(label: string): string {
  const lowerCase = label.toLowerCase()
  let end = label.length
  while (end > POOLER.length && lowerCase.endsWith(POOLER, end)) end -= POOLER.length
  return label.slice(0, end)
}

export function describeNeon({ endpointId, region, isPooled }: Place): string {
  const endpoint = `endpoint ${endpointId ?? 'unknown'}, region ${region ?? 'unknown'}`
  return `${endpoint}, ${isPooled ? 'pooled' : 'direct'}`
}
