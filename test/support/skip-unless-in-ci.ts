/**
 * Tests with a program that is not on every machine are left out where it is missing. In CI that is a failure.
 */

/** The reason, for the option `skip` of a test. Throws it in CI. */
export function skipUnlessInCi(reason: string): string {
  if (process.env.CI) throw new Error(reason)
  return reason
}
