/**
 * Where the local Neon of this project is and listens, and how to move it.
 */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface LocalSettings {
  /** Keys and data. LOCAL_NEON_DIRECTORY; default `.local-neon` in the project. */
  directory: string
  /** LOCAL_NEON_PORT; 0 takes a free one. @default 54320, as Postgres's own 5432 is often taken */
  port: number
  /** LOCAL_NEON_SYSTEM_DIRECTORY: in the place of `directory` where root's Postgres cannot enter that. */
  systemDirectory: string
}

const DIRECTORY = fileURLToPath(new URL('../../.local-neon', import.meta.url))
export const SYSTEM_DIRECTORY = '/var/lib/fastify-neon'
const PORT = 54_320
const MAX_PORT = 65_535

/** Throws a RangeError that names the variable. */
export function localSettings(env: Record<string, string | undefined>): LocalSettings {
  // As elsewhere, set to nothing counts as not set.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  return {
    directory: resolve(given.LOCAL_NEON_DIRECTORY ?? DIRECTORY),
    port: portOf(given.LOCAL_NEON_PORT),
    systemDirectory: given.LOCAL_NEON_SYSTEM_DIRECTORY ?? SYSTEM_DIRECTORY
  }
}

function portOf(text = String(PORT)): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= MAX_PORT) return port
  throw new RangeError(`LOCAL_NEON_PORT must be a whole number from 0 to ${MAX_PORT}, not "${text}"`)
}
