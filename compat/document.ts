/**
 * docs/reference/compatibility.md, made of what a run of all rows has shown.
 */
import type { Versions } from './row.ts'
import { ROWS, type Row } from './rows.ts'

export interface Result {
  row: Row
  outcome: 'ok' | 'FAIL' | 'skip'
  /** Installed ones, where all went well. */
  versions?: Versions
  /** Where it did not. */
  reason?: string
}

const INTRODUCTION = `# Compatibility

\`npm run compat\` installs the packed tarballs of the three packages with \`npm install\`, without a flag, in an empty folder for
each row. It compiles the app where it is TypeScript, and then runs its tests, or starts it on local Neon and asks it
for its work over HTTP. While a request is under way it ends the sessions of the app, suspends the compute, and resets the
connections: the app has to answer that request with anything at all, and to do its work again after it. At last it sends SIGTERM: the app has to
close and its process to exit by itself, with nothing left open.

A workflow runs all rows weekly. \`npm run compat -- NAME\` runs those whose name begins with NAME;
with \`--document\` the command writes what it has found to this page. The apps are in [compat/apps](../../compat/apps), and each is short
enough to copy.

| row | what it shows | installed | result |
| --- | ------------- | --------- | ------ |
`

/** The page with this result; the other rows stay as the page before has them. */
export function documentOf(result: Result, before: string): string {
  const lines = new Map<string, string>()
  for (const line of before.matchAll(/^\| `([^`]+)` \| .*\n/gm)) lines.set(line[1] ?? '', line[0])
  lines.set(result.row.name, lineOf(result))
  const lineFor = (row: Row) => lines.get(row.name) ?? lineOf({ row, outcome: 'skip', reason: 'not run yet' })
  return INTRODUCTION + ROWS.map(lineFor).join('')
}

function lineOf({ row, outcome, versions = {}, reason }: Result): string {
  const installed = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const cells = [
    `\`${row.name}\``,
    row.title,
    installed.join(', '),
    reason ? `${outcome}: ${reason}` : outcome
  ]
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |\n`
}
