/**
 * docs/reference/migrations.md is compared with the findings.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { exitCodeOf, type FindingKind, MIGRATION_FINDINGS } from '../../src/migrations/findings.ts'

const text = readFileSync(new URL('../../../../docs/reference/migrations.md', import.meta.url), 'utf8')

const rows = [...text.matchAll(/^\| `([\w-]+)` +\| (\d+) +\| ([\w, ]+?) +\| (.*?) +\| (.*?) +\|$/gm)].map(
  row => row.slice(1)
)

t.test('docs/reference/migrations.md', async t => {
  t.test('has every finding with its code, in order of precedence', async t => {
    t.strictSame(
      rows,
      Object.entries(MIGRATION_FINDINGS).map(([kind, { exitCode, tellers, meaning, fix }]) => [
        kind,
        `${exitCode}`,
        tellers.join(', '),
        meaning,
        fix
      ])
    )
  })

  t.test('has codes that differ, and that the shell leaves alone', async t => {
    const codes = rows.map(([, code]) => Number(code))

    t.equal(new Set(codes).size, codes.length)
    t.ok(codes.every(code => code > 2 && code < 64))
  })

  t.test('has the first for the one that counts', async t => {
    const kinds = Object.keys(MIGRATION_FINDINGS) as FindingKind[]
    for (const [index, kind] of kinds.entries()) {
      const findings = kinds
        .slice(index)
        .reverse()
        .map(other => ({ kind: other }))
      t.equal(exitCodeOf(findings), MIGRATION_FINDINGS[kind].exitCode)
    }
    t.equal(exitCodeOf([]), 0)
  })
})
