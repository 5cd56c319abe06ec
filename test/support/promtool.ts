/**
 * Finds promtool, which comes with Debian's package `prometheus`: the one that PROMTOOL names, or the first on the PATH.
 */
import { spawnSync } from 'node:child_process'
import { skipUnlessInCi } from './skip-unless-in-ci.ts'

const PROMTOOL = process.env.PROMTOOL ?? 'promtool'

/** Why tests of the alerts are left out here; false where they are not. In CI there is no reason. */
export const NO_PROMTOOL = reasonToSkip()

/** Runs it, and answers what it printed; empty when it found nothing wrong. */
export function promtool(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, args, { encoding: 'utf8' })
  return status === 0 ? '' : `${stdout}${stderr}`
}

function reasonToSkip(): string | false {
  if (spawnSync(PROMTOOL, ['--version']).status === 0) return false
  return skipUnlessInCi('no promtool: install the package prometheus, or set PROMTOOL')
}
