/**
 * docs/reference/isolation.md is compared with the findings, and what docs/reference/data-model.md tells to write with the audit.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { FINDINGS_EXIT_CODE } from '../../src/cli/audit/audit-command.ts'
import { ISOLATION_FINDINGS } from '../../src/rls-audit/audit.ts'
import { read } from './audits.ts'

const readDocument = (name: string) =>
  readFileSync(new URL(`../../../../docs/reference/${name}`, import.meta.url), 'utf8')
const text = readDocument('isolation.md')

/** As drizzle-kit generates it from the schema of the example. */
const GENERATED = `
CREATE TABLE "notes" (
	"owner" text NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"text" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "notes_owner_id_pk" PRIMARY KEY("owner","id")
);
ALTER TABLE "notes" ENABLE ROW LEVEL SECURITY;
CREATE INDEX "notes_owner_created_at_id_idx" ON "notes" USING btree ("owner","created_at","id");
CREATE POLICY "notes_owner_select" ON "notes" AS PERMISSIVE FOR SELECT TO "app_user" USING ("notes"."owner" = (select app.user_id()));
CREATE POLICY "notes_owner_insert" ON "notes" AS PERMISSIVE FOR INSERT TO "app_user" WITH CHECK ("notes"."owner" = (select app.user_id()));
CREATE POLICY "notes_owner_update" ON "notes" AS PERMISSIVE FOR UPDATE TO "app_user" USING ("notes"."owner" = (select app.user_id())) WITH CHECK ("notes"."owner" = (select app.user_id()));
CREATE POLICY "notes_owner_delete" ON "notes" AS PERMISSIVE FOR DELETE TO "app_user" USING ("notes"."owner" = (select app.user_id()));`

t.test('docs/reference/isolation.md', async t => {
  t.test('has every finding with its severity, meaning and fix, in order', async t => {
    const rows = [...text.matchAll(/^\| `([\w-]+)` +\| (error|warning) +\| (.*?) +\| (.*?) +\|$/gm)]

    t.strictSame(
      rows.map(row => row.slice(1)),
      Object.entries(ISOLATION_FINDINGS).map(([code, { severity, meaning, fix }]) => [
        code,
        severity,
        meaning,
        fix
      ])
    )
  })

  t.test('has the exit code', async t => {
    t.match(text, new RegExp(`\\| ${FINDINGS_EXIT_CODE} +\\| there is an error`))
  })
})

t.test('docs/reference/data-model.md tells to write by hand what a new table needs, and no less', async t => {
  const [, byHand = ''] =
    /```sql\n\s*--> statement-breakpoint\n([\s\S]*?)```/.exec(readDocument('data-model.md')) ?? []
  const url = await createDatabase(t)
  const codes = async () => (await read(url)).findings.map(({ code }) => code)

  await administer(GENERATED, url)
  t.strictSame(await codes(), ['login-bypass', 'no-force'])
  await administer(byHand, url)

  t.strictSame(await codes(), ['login-bypass'])
  t.match((await read(url)).tables[1], {
    name: 'public.notes',
    privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE']
  })
})
