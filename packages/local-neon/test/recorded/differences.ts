/**
 * Where the local Neon answers something else than was recorded, each with its reason; and what is left out
 * of both before they are compared, since it is no answer of the proxy's.
 */

export interface Difference {
  /** The lines that it is about. */
  lines: readonly string[]
  /** What the local Neon answers there; undefined: it is not asked. */
  local: RegExp | undefined
  reason: string
}

export const DIFFERENCES: readonly Difference[] = [
  {
    lines: ['login'],
    local: /^R3 R0 S\(in_hot_standby=off\) .*S\(is_superuser=off\) .*S\(server_version=18[^)]*\) .*K ZI$/,
    reason: 'Postgres 18, not 15, tells other parameters in another order, and the owner is no superuser'
  },
  {
    lines: ['login frames'],
    local: /^9,\d{3}$/,
    reason: 'two frames as well; the second has the parameters of another Postgres'
  },
  {
    lines: ['param TimeZone'],
    local: /^D\["(?!Asia)[^"]+"\] C\(SHOW\)$/,
    reason: 'a setting of the server, which the start-up parameter does not change here either'
  },
  {
    lines: ['frames of that', 'answer of 1 MB', 'answer of 20 MB', 'answer of 70 MB', 'answer of 150 MB'],
    local: /frames.*largest 1024$/,
    reason: 'how many frames there are depends on how much had come from Postgres at each read'
  }
]

/** Of the pooled host where no PgBouncer runs behind it. */
export const UNPOOLED_DIFFERENCES: readonly Difference[] = [
  {
    lines: ['options neon_proxy_params_compat:true'],
    local: undefined,
    reason: 'the refusal of a start-up parameter is that of a PgBouncer'
  }
]

/** The same for both: the role, and the spaces at the end. */
export function normalised(line: string, user: string): string {
  return line.replaceAll(user, 'USER').trim()
}
