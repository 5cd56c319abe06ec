/**
 * What the query of a probe asks for, and the details that an authorised one gets: fixed words and
 * numbers, never a text of the driver, a host or a name from the configuration.
 */
import type { FastifyRequest } from 'fastify'
import type { Snapshot } from '../../health/snapshot.ts'
import type { Detail } from './schemas.ts'

export interface Wish {
  verbose: boolean
  /** Ask the database, which wakes it. */
  probe: boolean
  /** Checks that do not count. */
  exclude: ReadonlySet<string>
}

/** The checks that are always there: of the first database. */
export const OWN_CHECKS = ['database', 'pool']

// As many checks as anybody has; what is longer is not read.
const MAX_QUERY_LENGTH = 1000

/** Undefined when nothing but the status is asked for, as by every kubelet. */
export function readWish({ raw }: FastifyRequest): Wish | undefined {
  const { url = '' } = raw
  const start = url.indexOf('?')
  if (start < 0) return undefined
  const query = new URLSearchParams(url.slice(start, start + MAX_QUERY_LENGTH))
  const exclude = new Set(query.getAll('exclude').filter(name => name !== ''))
  const wish = { verbose: isOn(query.get('verbose')), probe: isOn(query.get('probe')), exclude }
  return wish.verbose || wish.probe || exclude.size > 0 ? wish : undefined
}

export function describe(snapshot: Snapshot, exclude: ReadonlySet<string>): Detail {
  const { process: state, waitingFor, migrations, database, pool, databases, checks } = snapshot
  const names = [...OWN_CHECKS, ...Object.keys(databases), ...Object.keys(checks)]
  return {
    process: state,
    uptimeMs: Math.round(process.uptime() * 1000),
    ...(waitingFor && { waitingFor }),
    migrations,
    database,
    pool,
    ...(Object.keys(databases).length > 1 && { databases }),
    checks,
    excluded: [...exclude].filter(name => names.includes(name)),
    unknown: [...exclude].filter(name => !names.includes(name))
  }
}

/** `?verbose`, `?verbose=1`, and not `?verbose=0` or `?verbose=false`. */
function isOn(value: string | null): boolean {
  return value !== null && value !== '0' && value !== 'false'
}
