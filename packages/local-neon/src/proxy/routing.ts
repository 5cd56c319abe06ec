/**
 * Owns the way from what a client calls its host to an endpoint, and whether it goes through
 * the pooler.
 */
import { isIP } from 'node:net'
import { inconsistentEndpoints, REFUSALS, Refusal } from './refusals.ts'

export interface Route {
  /** Without `-pooler`. */
  endpoint: string
  isPooled: boolean
}

export interface RouteRequest {
  /** The Host header of a WebSocket, or the server name of TLS; without port. */
  host: string | undefined
  /** From `options=endpoint=…`. */
  option: string | undefined
  /** The endpoints there are; the first is the one of clients that name none. */
  endpoints: readonly [string, ...string[]]
}

const POOLER_SUFFIX = /-pooler$/

/** Throws a Refusal for a host and an option that do not agree, and for an endpoint that does not exist. */
export function routeOf({ host, option, endpoints: [first, ...others] }: RouteRequest): Route {
  const label = labelOf(host)
  if (label !== undefined && option !== undefined && label !== option)
    throw new Refusal(inconsistentEndpoints(label, option))
  const named = label ?? option ?? first
  const endpoint = named.replace(POOLER_SUFFIX, '')
  if (endpoint !== first && !others.includes(endpoint)) throw new Refusal(REFUSALS['endpoint-not-found'])
  return { endpoint, isPooled: POOLER_SUFFIX.test(named) }
}

/** The first label names the endpoint. `localhost` and addresses, which Neon has none of, name nobody. */
function labelOf(host: string | undefined): string | undefined {
  const name = host?.toLowerCase().replace(/^\[|\]$|\.$/g, '')
  if (name === undefined || name === '' || name === 'localhost' || isIP(name) !== 0) return undefined
  return name.split('.')[0]
}
