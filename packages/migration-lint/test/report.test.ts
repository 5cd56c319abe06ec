/**
 * What is printed, for people and for programs.
 */
import t from 'tap'
import type { LintReport } from '../src/lint.ts'
import { reportJson, reportText } from '../src/report.ts'

const REPORT: LintReport = {
  findings: [
    {
      kind: 'hazard',
      migration: '0002_own',
      line: 3,
      message: 'drop-table: its rows are gone',
      fix: 'keep it',
      hazard: 'drop-table',
      statement: 'DROP TABLE "notes"'
    },
    { kind: 'drift', migration: '0002_own', message: 'not in any migration: CREATE TABLE x' },
    { kind: 'edited', migration: '0001_second', message: 'the file is another than on main' }
  ],
  checked: { folder: './drizzle', migrations: 3, base: 'main', new: ['0002_own'], drift: true }
}

t.test('the report', async t => {
  t.test('has the place, the kind, the statement, what is wrong and what to do', async t => {
    t.equal(
      reportText(REPORT),
      `drizzle/0002_own.sql:3: hazard
  DROP TABLE "notes"
  drop-table: its rows are gone
  > keep it

drizzle: drift
  not in any migration: CREATE TABLE x
  > run npx drizzle-kit generate

drizzle/0001_second.sql: edited
  the file is another than on main
  > restore the file, and write the change as a new migration

3 findings in 3 migrations, 1 of them new against main`
    )
  })

  t.test('says in a line that nothing was found, and with what it was not compared', async t => {
    const checked = { ...REPORT.checked, base: null }

    t.equal(
      reportText({ findings: [], checked }),
      'nothing found in 3 migrations, all as new, with no base branch'
    )
    t.equal(
      reportText({ findings: REPORT.findings.slice(2), checked: { ...checked, drift: false } })
        .split('\n')
        .at(-1),
      '1 finding in 3 migrations, all as new, with no base branch; the schema was not compared'
    )
  })

  t.test('is one document for programs, each finding with its file and what to do', async t => {
    const { findings, checked, failure } = JSON.parse(reportJson({ ...REPORT, failure: 'no such thing' }))

    t.strictSame(findings[0], { ...REPORT.findings[0], file: 'drizzle/0002_own.sql' })
    t.match(findings[2], { file: 'drizzle/0001_second.sql', fix: /^restore the file/ })
    t.strictSame(checked, REPORT.checked)
    t.equal(failure, 'no such thing')
    t.notOk('failure' in JSON.parse(reportJson(REPORT)))
  })
})
