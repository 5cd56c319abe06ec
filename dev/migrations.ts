/**
 * The migrations of the local database under `npm run dev`: a line for each that was applied, or what is wrong with
 * it and what to do.
 */
import { relative } from 'node:path'
import { redact } from 'fastify-neon/connection-string'
import {
  applyMigrations,
  FailedMigration,
  fixOf,
  type MigrationFinding,
  RefusedMigrations
} from 'fastify-neon/migrations'

/** Resolves with the lines. Never rejects: what is wrong is one of them, and the readiness of the service says it too. */
export async function migrate(url: string, folder: string): Promise<string[]> {
  const lines: string[] = []
  try {
    const { findings } = await applyMigrations({
      url,
      folder,
      report: event => {
        if (event.type === 'applied') lines.push(`applied    ${event.migration}`)
      }
    })
    return [...lines, ...findings.flatMap(linesOfFinding)]
  } catch (error) {
    return [...lines, ...linesOfError(error)]
  }
}

function linesOfFinding(finding: MigrationFinding): string[] {
  const { kind, migration, message } = finding
  return [`${kind.padEnd(10)} ${migration}: ${message}`, `           ${fixOf(finding)}`]
}

function linesOfError(error: unknown): string[] {
  if (error instanceof RefusedMigrations) return error.findings.flatMap(linesOfFinding)
  if (!(error instanceof FailedMigration)) return [`failed     migrations: ${redact(String(error))}`]
  const { migration, file, line, message, hint, fix = 'fix it and save: it is applied then' } = error.failure
  const place = `${relative('', file)}${line === undefined ? '' : `:${line}`}`
  return [
    `failed     ${migration}: ${redact(message)}, in ${place}`,
    ...(hint === undefined ? [] : [`           ${redact(hint)}`]),
    `           ${fix}`
  ]
}
