/**
 * What the commands of migrations print.
 */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { DatabaseError } from '@neondatabase/serverless'
import { redact } from '../connection-string/redact.ts'
import {
  FailedMigration,
  fixOf,
  type MigrationEvent,
  type MigrationFailure,
  type MigrationFinding,
  type MigrationReport,
  type MigrationRun,
  RefusedMigrations
} from '../migrations/migrations.ts'

export function lineOfEvent(event: MigrationEvent): string {
  switch (event.type) {
    case 'waiting':
      return `waiting for another run${event.holder === undefined ? '' : `, backend ${event.holder}`}, for ${seconds(event.waitedMs)}`
    case 'started':
      return `applying ${event.migration}`
    case 'applied':
      return `applied ${event.migration} in ${Math.round(event.durationMs)} ms`
    case 'resumed':
      return `going on with ${event.migration}, where a run was ended, at line ${event.line}`
    case 'invalid-index-dropped':
      return `dropping the index ${event.index}, which a run that was ended left invalid`
    case 'invalid-index-found':
      return invalidIndexLine(event.index)
    case 'notice':
      return `notice: ${event.message}`
  }
}

function invalidIndexLine(index: string): string {
  return `the index ${index} is invalid, so nothing reads it and every write keeps it up to date: drop it, or REINDEX INDEX CONCURRENTLY ${index}`
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}

export function runLine({ applied, total, findings }: MigrationRun): string {
  const isWhole = findings.every(({ kind }) => kind !== 'schema-missing')
  return applied.length === 0 && isWhole
    ? `nothing to do: all ${total} are applied`
    : `${applied.length} applied`
}

export function statusLines({
  applied,
  pending,
  total,
  unknown,
  isAhead,
  findings,
  invalidIndexes
}: Omit<MigrationReport, 'plan'>): string[] {
  return [
    `${applied.length} of ${total} applied${pending.length === 0 ? '' : `, ${pending.length} pending`}`,
    ...findings.flatMap(findingLines),
    ...(unknown === 0 ? [] : [unknownLine(unknown, isAhead)]),
    ...invalidIndexes.map(invalidIndexLine)
  ]
}

function unknownLine(unknown: number, isAhead: boolean): string {
  const why = isAhead
    ? 'the database is ahead, as while a release is taken back'
    : 'they are of migrations that were deleted, and npx fastify-neon repair --forget-unknown takes them out; or another folder writes to the same ledger: give each its own with --ledger'
  return `the ledger has ${unknown} more that this folder does not know: ${why}`
}

export function findingLines(finding: MigrationFinding): string[] {
  const { kind, migration, line, message } = finding
  return [
    `${kind.padEnd(14)} ${migration}${line === undefined ? '' : `, line ${line}`}: ${message}`,
    `${' '.repeat(15)}${fixOf(finding)}`
  ]
}

/** For a person at a terminal: the server's own words, which a log of the service never has. */
export function errorLines(error: unknown): string[] {
  if (error instanceof FailedMigration) return failureLines(error.failure)
  if (error instanceof RefusedMigrations)
    return ['migrations not applied, because of what is pending:', ...error.findings.flatMap(findingLines)]
  return [`migrations not applied: ${redact(messageOf(error))}`]
}

export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : `${error}`
  return error instanceof DatabaseError ? `${message} (SQLSTATE ${error.code})` : message
}

const REMAINS = {
  'rolled-back': 'nothing of it is there; fix it, and run again',
  interrupted: 'the statements before are done; fix it, and the next run goes on with this one',
  unknown: 'the connection broke at COMMIT; run again, and the ledger tells'
} as const

function failureLines(failure: MigrationFailure): string[] {
  const { migration, file, line, sqlState, message, hint, remains, fix } = failure
  const text = line === undefined ? undefined : readFileSync(file, 'utf8').split('\n')[line - 1]?.trim()
  return [
    `migration ${migration} failed: ${redact(message)}${sqlState === undefined ? '' : ` (SQLSTATE ${sqlState})`}`,
    `  ${relative('', file)}${line === undefined ? ', at COMMIT' : `:${line}`}`,
    ...(text === undefined ? [] : [`    ${text}`]),
    ...(hint === undefined ? [] : [`  hint: ${redact(hint)}`]),
    `  ${REMAINS[remains]}`,
    ...(fix === undefined ? [] : [`  ${fix}`])
  ]
}
