/**
 * The application's own checks, as they are registered: their defaults, and what is refused.
 */
import { CheckExistsError, OptionInvalidError } from '../../errors/errors.ts'
import type { HealthCheck } from '../../health/checks.ts'
import { checkLimit } from '../../pool/options.ts'
import { OWN_CHECKS } from './detail.ts'

const CHECK_DEFAULTS = { critical: false, timeoutMs: 1000, ttlMs: 10_000, wakes: false }
const NAME = /^[a-z\d_-]{1,64}$/i

/** Throws FST_NEON_OPTION_INVALID, or FST_NEON_CHECK_EXISTS for a name that is taken. */
export function healthCheck(given: HealthCheck, isTaken: (name: string) => boolean): Required<HealthCheck> {
  const check = { ...CHECK_DEFAULTS, ...given }
  if (!NAME.test(check.name))
    throw new OptionInvalidError('the name of a health check must be 1 to 64 letters, digits, _ and -')
  if (OWN_CHECKS.includes(check.name) || isTaken(check.name)) throw new CheckExistsError(check.name)
  if (typeof check.check !== 'function')
    throw new OptionInvalidError(`the health check ${check.name} has no check function`)
  checkLimit(`timeoutMs of the health check ${check.name}`, check.timeoutMs)
  checkLimit(`ttlMs of the health check ${check.name}`, check.ttlMs, { minimum: 0 })
  return check
}
