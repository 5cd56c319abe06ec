import t from 'tap'
import { createDatabase } from '../../../../test/support/postgres.ts'
import { isolationScope, severityOf, warningsAmong } from '../../src/rls-audit/audit.ts'
import { read } from './audits.ts'

t.test('the audit', async t => {
  t.test('reports each table of users', async t => {
    const { tables, ownerColumn } = await read(await createDatabase(t))

    t.equal(ownerColumn, 'owner')
    t.match(
      tables.map(({ name }) => name),
      ['public.idempotency_keys', 'public.tasks']
    )
    t.match(tables[1], {
      hasOwner: true,
      hasRls: true,
      hasForce: true,
      hasOwnerIndex: true,
      policies: ['tasks_owner_delete', 'tasks_owner_insert', 'tasks_owner_select', 'tasks_owner_update'],
      privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE']
    })
  })

  t.test('refuses options with which it would audit nothing', async t => {
    t.throws(() => isolationScope({ schemas: [] }), { code: 'FST_NEON_OPTION_INVALID' })
    t.throws(() => isolationScope({ ownerColumn: '' }), { code: 'FST_NEON_OPTION_INVALID' })
  })

  t.test('fails when there is no database', async t => {
    await t.rejects(read('postgresql://me:s3cr3t@127.0.0.1:1/neondb'), { code: 'FST_NEON_UNREACHABLE' })
  })

  t.test('counts as warnings what does not keep a process from being ready', async t => {
    const { findings } = await read(await createDatabase(t))

    t.strictSame(findings.map(severityOf), ['warning'])
    t.strictSame(warningsAmong(findings), findings)
  })
})
