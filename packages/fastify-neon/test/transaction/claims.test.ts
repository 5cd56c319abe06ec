import fc from 'fast-check'
import pg from 'pg'
import t from 'tap'
import { createDatabase } from '../../../../test/support/postgres.ts'
import { checkClaims, identityStatement } from '../../src/transaction/claims.ts'

t.test('the statement of an identity', async t => {
  t.test('is none for nobody in particular', async t => {
    t.equal(identityStatement({}), undefined)
    t.equal(identityStatement({ role: undefined, claims: {} }), undefined)
  })

  t.test('has the claims, and then the role, as digits', async t => {
    t.equal(
      identityStatement({ role: 'app', claims: { 'app.user_id': "a'b" } }),
      "SELECT set_config('app.user_id', convert_from(decode('612762', 'hex'), 'UTF8'), true), " +
        "set_config('role', convert_from(decode('617070', 'hex'), 'UTF8'), true)"
    )
  })

  t.test('H11 gives the policies each text as it was, and reads none of it as SQL', async t => {
    const client = new pg.Client({ connectionString: await createDatabase(t) })
    await client.connect()
    t.teardown(() => client.end())
    const texts = fc.oneof(
      fc.constantFrom("'", "''", '\\', "\\'; drop table tasks; --", '$$', '%s', '{"sub":"a"}', 'a,b'),
      // A lone surrogate has no bytes.
      fc.string({ minLength: 1, maxLength: 300, unit: 'binary' }).filter(text => !text.includes('\0'))
    )

    await fc.assert(
      fc.asyncProperty(texts, fc.constantFrom('on', 'off'), async (text, standard) => {
        const identity = identityStatement({ role: 'app_user', claims: { 'app.user_id': text } })
        await client.query(`set standard_conforming_strings = ${standard}; begin; ${identity}`)
        const { rows } = await client.query('select app.user_id() as id, current_user as role')
        await client.query('rollback')
        t.strictSame(rows, [{ id: text, role: 'app_user' }])
      }),
      { numRuns: 200 }
    )
  })
})

t.test('claims', async t => {
  t.test('are settings with a dot in their name', async t => {
    for (const name of ['role', 'row_security', '', '.', 'a.', '.b', 'a.b;c', "a.b'", 'a b.c', 'a.1'])
      t.throws(() => checkClaims({ [name]: 'x' }), { code: 'FST_NEON_OPTION_INVALID' }, name)
    t.strictSame(checkClaims({ 'app.user_id': 'x', 'request.jwt.claims': '{}' }), {
      'app.user_id': 'x',
      'request.jwt.claims': '{}'
    })
  })

  t.test('are texts that Postgres can store, and not empty', async t => {
    for (const value of ['', 'a\0b', 1, null, undefined])
      t.throws(() => checkClaims({ 'app.user_id': value as string }), { code: 'FST_NEON_OPTION_INVALID' })
  })
})
