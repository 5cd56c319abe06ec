/**
 * What Neon's proxy and PgBouncer say at login, on the wire: the only thing that tells a wrong
 * password from a compute that wakes is the text.
 */
import { DatabaseError } from '@neondatabase/serverless'
import t from 'tap'
import { DATABASE_FAILURES } from '../../src/errors/errors.ts'
import { type DatabaseFailure, describeFailure } from '../../src/errors/failure.ts'
import { KIND_BY_CAUSE } from '../../src/errors/failure-table.ts'
import { openPool } from '../support/pools.ts'
import { AUTHENTICATED, message, scriptedServer } from '../support/scripted-server.ts'
import { SPOKEN } from '../support/thrown-errors.ts'

function errorResponse(code: string, text: string) {
  const fields = ['SERROR', `C${code}`, `M${text}`].flatMap(field => [...Buffer.from(field), 0])
  return Buffer.from(message('E', [...fields, 0]))
}

t.test('a login that is answered', async t => {
  for (const { title, reason, cause, error } of SPOKEN) {
    if (!(error instanceof DatabaseError)) continue
    const { code = '', message: text } = error
    const kind = KIND_BY_CAUSE[cause].connect

    t.test(`${title} is ${kind}, and its reason ${reason}`, async t => {
      const server = await scriptedServer(t, socket => {
        socket.send(errorResponse(code, text))
        socket.close()
      })
      const { pool } = await openPool(t, { max: 1, applicationName: 'proxy-test' }, server.url)

      const reported = new Promise<DatabaseFailure>(resolve => {
        pool.observe(event => {
          if ('failure' in event) resolve(event.failure)
        })
      })
      pool.connect().catch(() => {})
      const failure = await reported

      t.match(failure, { kind, reason, sqlState: code, code: DATABASE_FAILURES[kind].code })
      t.strictSame(describeFailure(failure), {
        code: DATABASE_FAILURES[kind].code,
        kind,
        sqlState: code,
        reason
      })
      t.equal(pool.totalCount, 0)
    })
  }
})

t.test('a login whose answer cannot be read', async t => {
  for (const [title, answer] of [
    ['a message of no known type', message('~', [0, 0, 0, 0])],
    ['an ErrorResponse without a field', message('E', [0])]
  ] as const) {
    t.test(`is a lost connection, and tried again: ${title}`, async t => {
      let logins = 0
      const server = await scriptedServer(t, (socket, count) => {
        if (count > 1) return
        logins += 1
        socket.send(Buffer.from(logins === 1 ? answer : AUTHENTICATED))
      })
      const { pool, events } = await openPool(t, { max: 1 }, server.url)

      const client = await pool.connect()

      t.equal(logins, 2)
      t.match(
        events.filter(event => 'failure' in event),
        [{ failure: { kind: 'unreachable', retryable: true } }]
      )
      client.release(true)
    })
  }
})
