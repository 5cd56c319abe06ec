/**
 * The health check of isolation: looks at the database until it keeps the rows of users apart, and then never again.
 */
import type { FastifyBaseLogger } from 'fastify'
import { NotIsolatedError } from '../../errors/errors.ts'
import { toFailure } from '../../errors/failure.ts'
import { EAGER_MS, QUIET_PAUSE_MS } from '../../health/migrations.ts'
import {
  errorsAmong,
  fixOf,
  type IsolationFinding,
  type IsolationReport,
  warningsAmong
} from '../../rls-audit/audit.ts'

/** Of the line of the log that has the warnings. */
export const WARNING_LEVELS = ['warn', 'info'] as const
export type WarningLevel = (typeof WARNING_LEVELS)[number]

export interface IsolationCheckOptions {
  look: () => Promise<IsolationReport>
  /** Resolves when there is something to look at. Rejects when the signal is aborted. */
  untilTime: (signal: AbortSignal) => Promise<void>
  warningLevel: WarningLevel
  log: FastifyBaseLogger
  now: () => number
}

// A line in the log has an end, as where a backend of a hundred tables knows no policies.
const MOST_FINDINGS = 50

interface Failing {
  error: Error
  sinceMs: number
  lookedAtMs: number
}

/** What it returns throws FST_NEON_NOT_ISOLATED, or a DatabaseFailure when it could not look. */
export function createIsolationCheck(options: IsolationCheckOptions): (signal: AbortSignal) => Promise<void> {
  const { look, untilTime, warningLevel, log, now } = options
  let hasPassed = false
  let hasWarned = false
  let failing: Failing | undefined
  let told = ''

  return async signal => {
    if (hasPassed) return
    await untilTime(signal)
    if (failing && isQuiet(failing)) throw failing.error
    const error = await lookAgain()
    hasPassed = error === undefined
    if (error === undefined) return
    failing = { error, sinceMs: failing?.sinceMs ?? now(), lookedAtMs: now() }
    throw error
  }

  function isQuiet({ sinceMs, lookedAtMs }: Failing) {
    return now() - sinceMs >= EAGER_MS && now() - lookedAtMs < QUIET_PAUSE_MS
  }

  async function lookAgain(): Promise<Error | undefined> {
    try {
      return judge(await look())
    } catch (error) {
      return toFailure(error, 'statement')
    }
  }

  function judge({ role, login, findings }: IsolationReport): Error | undefined {
    const errors = errorsAmong(findings)
    const warnings = warningsAmong(findings)
    if (warnings.length > 0 && !hasWarned) {
      hasWarned = true
      log[warningLevel]({ role, login, ...described(warnings) }, 'the RLS audit has warnings')
    }
    if (errors.length === 0) return undefined
    tell({ role, login, ...described(errors) })
    return new NotIsolatedError([...new Set(errors.map(({ code }) => code))].join(', '))
  }

  /** Once for the same findings. */
  function tell(facts: object) {
    const text = JSON.stringify(facts)
    if (text === told) return
    told = text
    log.error(facts, 'the database does not keep the rows of users apart')
  }
}

function described(findings: IsolationFinding[]) {
  return {
    count: findings.length,
    findings: findings.slice(0, MOST_FINDINGS).map(finding => ({ ...finding, fix: fixOf(finding) }))
  }
}
