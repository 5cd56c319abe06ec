import { sql } from 'drizzle-orm'
import t from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import dbPlugin from '../../src/plugins/db.ts'
import { backend } from './backend.ts'

const DETAILS = 'the database refused a statement'
const VALUE = 'secret-of-a-row'

t.test('with errorDetails', async t => {
  const connectionString = await createDatabase(t, { migrated: false })
  await administer(
    'create table notes (body text constraint body_is_known unique); create table others (n int not null)',
    connectionString
  )
  await administer(`insert into notes values ('${VALUE}')`, connectionString)
  const { app, lines, said } = await backend(t, {}, { connectionString, errorDetails: true })
  const failing = (path: string, fail: () => Promise<unknown>) => app.get(path, fail)
  failing('/column', () => app.db.execute(sql`select bodi from notes where body = ${VALUE}`))
  failing('/constraint', () => app.db.execute(sql`insert into notes values (${VALUE})`))
  failing('/null', () => app.db.execute(sql`insert into others values (null)`))
  failing('/driver', () => app.db.$client.query('select from nothing'))
  failing('/own', async () => {
    throw new Error('business')
  })
  const ask = async (path: string) => {
    lines.length = 0
    const { body } = await app.inject(path)
    return { body, details: said(DETAILS) }
  }

  t.test('the log of a request has what the server said, and its answer does not', async t => {
    const { body, details } = await ask('/column')

    t.match(details, [
      {
        level: 40,
        reqId: String,
        serverError: {
          message: 'column "bodi" does not exist',
          hint: 'Perhaps you meant to reference the column "notes.body".',
          position: '8'
        }
      }
    ])
    t.notMatch(body, /bodi|notes/)
    t.notOk(JSON.stringify(lines).includes(VALUE), 'nor a parameter')
  })

  t.test('it has the names of constraint, table and column, and no row', async t => {
    const constraint = await ask('/constraint')
    t.match(constraint.details, [{ serverError: { constraint: 'body_is_known', table: 'notes' } }])
    t.notOk(JSON.stringify(lines).includes(VALUE))

    t.match((await ask('/null')).details, [{ serverError: { column: 'n', table: 'others' } }])
  })

  t.test(
    'it has them also of an error of the driver, and nothing of one that is not of the database',
    async t => {
      t.match((await ask('/driver')).details, [{ serverError: { message: /"nothing" does not exist/ } }])
      t.strictSame((await ask('/own')).details, [])
    }
  )

  t.test('it is told once, although two databases are registered', async t => {
    const two = await backend(t, {}, { connectionString, errorDetails: true })
    await two.app.register(dbPlugin, { name: 'other', connectionString, errorDetails: true } as never)
    two.app.get('/', () => two.app.db.execute(sql`select nothing`))

    await two.app.inject('/')

    t.equal(two.said(DETAILS).length, 1)
  })

  t.test('a database that is not reached has an explanation', async t => {
    const nowhere = 'postgresql://me:a-password@127.0.0.1:1/none'
    const { said, lines } = await backend(t, {}, { connectionString: nowhere, errorDetails: true })
    await until(() => said('database not reached').length > 0)

    t.match(said('database not reached'), [
      { explanation: /^nothing listens at 127\.0\.0\.1:1 \(ECONNREFUSED\)\./ }
    ])
    t.notMatch(JSON.stringify(lines), /a-password/)
  })
})

t.test('without errorDetails the log has codes and names alone', async t => {
  const connectionString = await createDatabase(t, { migrated: false })
  const { app, lines, said } = await backend(t, {}, { connectionString })
  app.get('/', () => app.db.execute(sql`select bodi`))

  await app.inject('/')

  t.strictSame(said(DETAILS), [])
  t.notMatch(JSON.stringify(lines), /bodi/)
})
