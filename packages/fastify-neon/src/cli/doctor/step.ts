/**
 * One thing that the doctor looks at, and what it finds.
 */
import type { Session } from '../../client/single-session.ts'
import type { ConnectionUrl } from '../../connection-string/connection-url.ts'

export interface Patient {
  url: ConnectionUrl
  /** Where the driver connects to: on Neon port 443, whatever the connection string says. */
  port: number
  /** Longest time of a step, in ms. */
  timeoutMs: number
  folder: string
  role: string | undefined
  jwksUrl: URL | undefined
}

/** Once there is a login. */
export interface LoggedIn extends Patient {
  session: Session
  loginMs: number
  /** The compute slept until the login. */
  hasWoken: boolean
  server: ServerFacts
}

export interface ServerFacts extends Record<string, unknown> {
  version: string
  uptimeMs: number
  /** Connections in use, and how many there may be. */
  used: number
  most: number
  login: string
  /** Row-level security does not hold for the login. */
  bypasses: boolean
}

export interface Finding {
  state: 'ok' | 'warning' | 'failed' | 'skipped'
  /** Without a secret. */
  text: string
  todo?: string
}

export interface Step<P = Patient> {
  name: string
  /** What it throws is a finding that has failed. */
  look(patient: P): Promise<Finding>
}

export function ok(text: string): Finding {
  return { state: 'ok', text }
}

export function warning(text: string, todo: string): Finding {
  return { state: 'warning', text, todo }
}

export function failed(text: string, todo: string): Finding {
  return { state: 'failed', text, todo }
}

export function skipped(text: string): Finding {
  return { state: 'skipped', text }
}

export function andMore(others: readonly unknown[]): string {
  return others.length === 0 ? '' : `, and ${others.length} more`
}
