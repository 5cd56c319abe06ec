/**
 * Percent-encoding, as far as a hand-written connection string gets it right.
 */
import type { Report } from './findings.ts'

/** A % that does not begin an encoded byte. */
export const LONE_PERCENT = /%(?![\da-f]{2})/gi

/** A % that means itself has been found, or is found, by another rule. */
export function decode(text: string, report: Report): string {
  try {
    return decodeURIComponent(text.replace(LONE_PERCENT, '%25'))
  } catch {
    report('percent-undecodable')
    return ''
  }
}
