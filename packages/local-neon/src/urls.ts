/**
 * Owns the connection strings of a local Neon.
 */
import type { TlsMode } from './options.ts'
import { DATABASE, OWNER_ROLE } from './postgres/cluster.ts'

export interface LocalNeonUrls {
  direct: string
  /** Through PgBouncer, which gives each transaction to any session. Where there is none each client has a session. */
  pooled: string
  /** With `sslmode=require`, where TLS is spoken. Clients have to trust the file `ca`. */
  directTls?: string
  pooledTls?: string
}

export interface UrlParts {
  password: string
  port: number
  endpoint: string
  tls: TlsMode
}

/** The endpoint is an option, since 127.0.0.1 has no first label that could name it. */
export function urlsOf({ password, port, endpoint, tls }: UrlParts): LocalNeonUrls {
  const direct = `postgresql://${OWNER_ROLE}:${password}@127.0.0.1:${port}/${DATABASE}`
  const pooled = `${direct}?options=endpoint%3D${endpoint}-pooler`
  if (tls === 'off') return { direct, pooled }
  const directTls = `${direct}?sslmode=require`
  const pooledTls = `${pooled}&sslmode=require`
  if (tls === 'offered') return { direct, pooled, directTls, pooledTls }
  return { direct: directTls, pooled: pooledTls, directTls, pooledTls }
}
