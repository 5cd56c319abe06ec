/**
 * Where the local Neon of this project is, listens and how it sleeps, from the environment or
 * from flags of the command line, which come first.
 */
import { resolve } from 'node:path'
import type { LocalNeonOptions } from '../options.ts'
import { SYSTEM_DIRECTORY } from '../postgres/place.ts'

export type LocalSettings = Required<Pick<LocalNeonOptions, 'directory' | 'systemDirectory' | 'port'>> &
  Pick<LocalNeonOptions, 'controlPort' | 'suspendAfterMs' | 'wakeDelayMs' | 'wakeJitterMs' | 'tls'>

/** In the working directory. */
const DIRECTORY = '.local-neon'
/** As Postgres's own 5432 is often taken. */
const PORT = 54_320
/** Always the same where it is free, so that an open console goes on after a restart. */
const CONTROL_PORT = 54_319
const MAX_PORT = 65_535
const MAX_MS = 24 * 60 * 60 * 1000
const TLS_MODES = ['off', 'offered', 'required'] as const

/** Each variable, with what stands for it in the documentation and in the usage of the command. */
export const LOCAL_SETTINGS = {
  LOCAL_NEON_DIRECTORY: 'folder of data, password and keys',
  LOCAL_NEON_SYSTEM_DIRECTORY: 'folder of data when the user that Postgres runs as cannot enter the other',
  LOCAL_NEON_PORT: 'port of the database, 0 = any free one',
  LOCAL_NEON_CONTROL_PORT: 'port of the control interface, 0 = any free one',
  LOCAL_NEON_SUSPEND_AFTER_MS: 'idle time until the compute sleeps, 0 = never',
  LOCAL_NEON_WAKE_DELAY_MS: 'shortest time of a wake',
  LOCAL_NEON_WAKE_JITTER_MS: 'random time added to it, at most',
  LOCAL_NEON_TLS: 'off, offered or required'
} as const

export type LocalVariable = keyof typeof LOCAL_SETTINGS

/** `--suspend-after-ms` for LOCAL_NEON_SUSPEND_AFTER_MS. */
export function flagOf(variable: string): string {
  return variable.replace('LOCAL_NEON_', '').toLowerCase().replaceAll('_', '-')
}

/** Throws a RangeError that names the variable. */
export function localSettings(env: Record<string, string | undefined>): LocalSettings {
  // As elsewhere, set to nothing counts as not set.
  const given = (name: LocalVariable) => (env[name] === '' ? undefined : env[name])
  const number = (name: LocalVariable, max: number) => wholeNumber(name, given(name), max)
  return withoutUndefined({
    directory: resolve(given('LOCAL_NEON_DIRECTORY') ?? DIRECTORY),
    systemDirectory: given('LOCAL_NEON_SYSTEM_DIRECTORY') ?? SYSTEM_DIRECTORY,
    port: number('LOCAL_NEON_PORT', MAX_PORT) ?? PORT,
    controlPort: number('LOCAL_NEON_CONTROL_PORT', MAX_PORT) ?? CONTROL_PORT,
    suspendAfterMs: number('LOCAL_NEON_SUSPEND_AFTER_MS', MAX_MS),
    wakeDelayMs: number('LOCAL_NEON_WAKE_DELAY_MS', MAX_MS),
    wakeJitterMs: number('LOCAL_NEON_WAKE_JITTER_MS', MAX_MS),
    tls: tlsMode(given('LOCAL_NEON_TLS'))
  })
}

function wholeNumber(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined
  if (/^\d+$/.test(text) && Number(text) <= max) return Number(text)
  throw new RangeError(`${name} must be a whole number from 0 to ${max}, not "${text}"`)
}

function tlsMode(text: string | undefined): LocalNeonOptions['tls'] {
  const mode = TLS_MODES.find(known => known === text)
  if (text === undefined || mode !== undefined) return mode
  throw new RangeError(`LOCAL_NEON_TLS must be one of ${TLS_MODES.join(', ')}, not "${text}"`)
}

function withoutUndefined<T extends LocalSettings>(settings: T): T {
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) Reflect.deleteProperty(settings, name)
  }
  return settings
}
