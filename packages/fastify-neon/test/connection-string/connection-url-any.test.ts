import { inspect } from 'node:util'
import { Client } from '@neondatabase/serverless'
import fc from 'fast-check'
import t from 'tap'
import { verifyConnectionUrl } from '../../src/connection-string/connection-url.ts'
import { deriveDirectUrl } from '../../src/connection-string/host.ts'
import { redact } from '../../src/connection-string/redact.ts'
import { codesOf, POOLED, urlWith } from '../support/connection-strings.ts'

/** The piece that nothing may tell: no message and no generated text has it by chance. */
const CANARY = 'Xq7Zv'

/** Any UTF-16 units, so also lone surrogates, and often what has a meaning in a URL. */
const anyText = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }).map(unit => String.fromCharCode(unit)),
      fc.constantFrom(
        'postgres://',
        'u:p',
        '@',
        ':',
        '/',
        '?',
        '#',
        '%',
        '%41',
        '[::1]',
        'localhost',
        '&',
        '=',
        'sslmode=',
        'require',
        'options=',
        'psql ',
        "'",
        '-pooler',
        '.neon.tech'
      )
    ),
    { maxLength: 24 }
  )
  .map(pieces => pieces.join(''))

const anyPassword = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 9 }), fc.string({ maxLength: 9 }))
  .map(([before, after]) => before + CANARY + after)

/** Right and wrong places for a password, in URLs that are right and wrong otherwise. */
const FORMS: ReadonlyArray<(password: string) => string> = [
  password => urlWith({ login: `alex:${password}` }),
  password =>
    urlWith({ login: `alex:${password}`, host: POOLED, path: '/neondb?foo=1&foo=2&options=-c%20a' }),
  password => urlWith({ login: `alex:${password}`, host: 'localhost', path: '/db' }),
  password => urlWith({ login: `:${password}`, host: '', path: '' }),
  password => urlWith({ login: `alex:${password}`, host: 'h:99999', path: '/a/b?sslmode=no' }),
  password => urlWith({ login: `alex:${password}`, path: '/neondb?sslmode=require&application_name=a@b' }),
  password => `psql '${urlWith({ login: `alex:${password}` })}'`,
  password => `DATABASE_URL="${urlWith({ login: `alex:${password}` })}"`,
  password => ` ${urlWith({ login: `alex:${password}` })}\n`,
  password => `http://alex:${password}@h/db`,
  password => `jdbc:postgresql://h/db?user=alex&password=${password}`,
  password => `alex:${password}@h/db`,
  password => `${password}://alex:${password}@h/db`,
  password => `host=h password=${password} user=u`,
  password => urlWith({ path: `/neondb?sslmode=require&sslpassword=${password}` }),
  password => urlWith({ path: `/neondb?sslmode=require&password=${password}` }),
  password => `postgres://alex:${password}`,
  password => password
]

t.test('any string', async t => {
  t.test('is verified without an exception, with a connection exactly when there is no error', async () => {
    fc.assert(
      fc.property(anyText, text => {
        const verification = verifyConnectionUrl(text)
        return (verification.connection === undefined) === codesOf(verification, 'error').length > 0
      }),
      { numRuns: 3000 }
    )
  })

  t.test('has a direct URL, which is its own', async () => {
    fc.assert(
      fc.property(anyText, text => deriveDirectUrl(deriveDirectUrl(text)) === deriveDirectUrl(text)),
      { numRuns: 1000 }
    )
  })

  t.test('is verified to the end, however long it is', async t => {
    for (const piece of [
      '@',
      '%',
      ':',
      '/',
      '?a=',
      '&a=',
      '.',
      '-pooler',
      'ep-a.region.',
      'a.',
      '$PASS',
      'your-',
      'psql ',
      "'"
    ]) {
      for (const before of ['', 'postgres://', 'postgres://u:', 'postgres://u:p@', 'psql ', 'a = ']) {
        verifyConnectionUrl((before + piece.repeat(4096)).slice(0, 4096))
        verifyConnectionUrl(before + piece.repeat(1_000_000))
        deriveDirectUrl(`${before}${piece.repeat(300_000)}.neon.tech`)

        // An expression that looks back again and again would never get here.
        t.pass(`${before}${piece}…`)
      }
    }
  })
})

t.test('any password', async t => {
  t.test('stays out of everything that is told, raw and encoded, in URLs right and wrong', async t => {
    for (const [i, form] of FORMS.entries()) {
      const told = fc.property(anyPassword, fc.boolean(), (password, isEncoded) => {
        const verification = verifyConnectionUrl(form(isEncoded ? encodeURIComponent(password) : password))
        const output = JSON.stringify(verification) + inspect(verification, { depth: null, showHidden: true })
        return !output.includes(CANARY)
      })
      t.notOk(fc.check(told, { numRuns: 100 }).failed, `form ${i}`)
    }
  })

  t.test('comes back whole from its encoded form', async () => {
    const printable = anyPassword.filter(password => !/[\p{Cc}\p{Cs}]/u.test(password))
    fc.assert(
      fc.property(printable, password => {
        const { connection } = verifyConnectionUrl(urlWith({ login: `alex:${encodeURIComponent(password)}` }))
        return connection?.password === password
      }),
      { numRuns: 300 }
    )
  })

  t.test('is refused raw, or understood as the driver and WHATWG URL understand it', async () => {
    fc.assert(
      fc.property(anyPassword, fc.constantFrom('alex', 'me%40corp', '%25'), (password, user) => {
        const { connection } = verifyConnectionUrl(urlWith({ login: `${user}:${password}` }))
        if (connection === undefined) return true
        const client = new Client(connection.href)
        const url = new URL(connection.href)
        return (
          [client.user, client.password, client.host, client.port, client.database].join('\n') ===
            [
              connection.user,
              connection.password,
              connection.host,
              connection.port,
              connection.database
            ].join('\n') && decodeURIComponent(url.password) === connection.password
        )
      }),
      { numRuns: 500 }
    )
  })

  t.test('is masked by redact in every form that has a colon or password= before it', async () => {
    const masked = FORMS.slice(0, 9)
    fc.assert(
      fc.property(
        anyPassword,
        fc.constantFrom(...masked),
        (password, form) => !redact(form(password.replace(/\s/g, ' '))).includes(CANARY)
      ),
      { numRuns: 500 }
    )
  })
})
