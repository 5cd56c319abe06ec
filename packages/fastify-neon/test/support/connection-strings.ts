/**
 * Connection strings that are right but for what a test is about.
 */
import type { Test } from 'tap'
import { type Verification, verifyConnectionUrl } from '../../src/connection-string/connection-url.ts'
import type { FindingCode, Severity } from '../../src/connection-string/findings.ts'

export const DIRECT = 'ep-cool-darkness-123456.us-east-2.aws.neon.tech'
export const POOLED = 'ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech'

export type Row = readonly [condition: string, value: string | undefined, expected: readonly FindingCode[]]

export const codesOf = ({ findings }: Verification, severity: Severity) =>
  findings.filter(finding => finding.severity === severity).map(({ code }) => code)

/** One assertion per row: the codes of one severity, all of them, in order. */
export function checkRows(t: Test, severity: Severity, rows: readonly Row[]) {
  for (const [condition, value, expected] of rows) {
    t.strictSame(codesOf(verifyConnectionUrl(value), severity), expected, condition)
  }
}

/** A URL that is right but for what the test is about. */
export const urlWith = ({ login = 'alex:AbC123dEf', host = DIRECT, path = '/neondb?sslmode=require' } = {}) =>
  `postgresql://${login}@${host}${path}`
