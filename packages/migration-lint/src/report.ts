/**
 * What `npx fastify-neon check` prints: for people, and as JSON for programs.
 */
import { join, normalize } from 'node:path'
import { fixOf } from 'fastify-neon/migration-files'
import type { LintFinding } from './examination.ts'
import type { LintReport } from './lint.ts'

export function reportText({ findings, checked }: LintReport): string {
  const { base, migrations, new: fresh, drift } = checked
  const places = findings.map(finding => [
    `${placeOf(finding, checked.folder)}: ${finding.kind}`,
    ...(finding.statement === undefined ? [] : [`  ${finding.statement}`]),
    `  ${finding.message}`,
    `  > ${fixOf(finding)}`,
    ''
  ])
  const scope =
    base === null ? 'all as new, with no base branch' : `${fresh.length} of them new against ${base}`
  const schema = drift ? '' : '; the schema was not compared'
  const result = findings.length === 0 ? 'nothing found' : counted(findings.length, 'finding')
  return [...places.flat(), `${result} in ${counted(migrations, 'migration')}, ${scope}${schema}`].join('\n')
}

/** One document, with every finding by its kind. */
export function reportJson({ findings, checked, failure }: LintReport): string {
  const places = findings.map(finding => ({
    ...finding,
    file: fileOf(finding, checked.folder),
    fix: fixOf(finding)
  }))
  return JSON.stringify({ findings: places, checked, ...(failure === undefined ? {} : { failure }) }, null, 2)
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function placeOf(finding: LintFinding, folder: string): string {
  const file = fileOf(finding, folder)
  return finding.line === undefined ? file : `${file}:${finding.line}`
}

/** Drift is of no file: it is what the folder lacks. */
function fileOf({ kind, migration, file = `${migration}.sql` }: LintFinding, folder: string): string {
  return kind === 'drift' ? normalize(folder) : join(folder, file)
}
