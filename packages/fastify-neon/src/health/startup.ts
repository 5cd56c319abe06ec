/**
 * What a process waits for before it takes traffic.
 */
import type { MigrationState } from './migrations.ts'
import type { CheckResult } from './snapshot.ts'

export const STARTUP_CONDITIONS = [
  /** The database has never answered. */
  'database-unreached',
  /** Nobody has looked at the migrations yet. */
  'migrations-unknown',
  'migrations-pending',
  'migrations-unreadable',
  'migrations-schema-missing',
  'migrations-behind',
  /** A critical check has not passed. */
  'checks-pending'
] as const
export type StartupCondition = (typeof STARTUP_CONDITIONS)[number]

export interface StartupInput {
  isReached: boolean
  migrations: MigrationState
  checks: Record<string, CheckResult>
}

/** Those that are not met; none when the process may start. */
export function openConditionsOf({ isReached, migrations, checks }: StartupInput): StartupCondition[] {
  const open: StartupCondition[] = []
  if (!isReached) open.push('database-unreached')
  else if (migrations !== 'complete') open.push(`migrations-${migrations}`)
  if (Object.values(checks).some(({ state, critical }) => critical && state !== 'ok'))
    open.push('checks-pending')
  return open
}
