import t from 'tap'
import { MIGRATION_STATES } from '../../src/health/migrations.ts'
import type { CheckState } from '../../src/health/snapshot.ts'
import { openConditionsOf } from '../../src/health/startup.ts'

const check = (state: CheckState, critical: boolean) => ({ queue: { state, critical } })

t.test('a process waits', async t => {
  t.test('for the database before anything about its schema', async t => {
    for (const migrations of MIGRATION_STATES) {
      t.strictSame(openConditionsOf({ isReached: false, migrations, checks: {} }), ['database-unreached'])
    }
  })

  t.test('for its migrations', async t => {
    const open = MIGRATION_STATES.map(migrations =>
      openConditionsOf({ isReached: true, migrations, checks: {} })
    )

    t.strictSame(open, [
      ['migrations-unknown'],
      ['migrations-pending'],
      ['migrations-unreadable'],
      [],
      ['migrations-schema-missing'],
      ['migrations-behind']
    ])
  })

  t.test('for critical checks, and for no others', async t => {
    const open = (state: CheckState, critical: boolean) =>
      openConditionsOf({ isReached: true, migrations: 'complete', checks: check(state, critical) })

    t.strictSame(open('pending', true), ['checks-pending'])
    t.strictSame(open('failed', true), ['checks-pending'])
    t.strictSame(open('ok', true), [])
    t.strictSame(open('failed', false), [])
  })

  t.test('for all at once', async t => {
    t.strictSame(
      openConditionsOf({ isReached: true, migrations: 'pending', checks: check('failed', true) }),
      ['migrations-pending', 'checks-pending']
    )
  })
})
