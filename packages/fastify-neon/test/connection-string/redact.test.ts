import fc from 'fast-check'
import t from 'tap'
import { redact } from '../../src/connection-string/redact.ts'

/** The piece that no output may hold: no message and no generated text has it by chance. */
const CANARY = 'Xq7Zv'

/** Every UTF-16 unit, so also lone surrogates, and what has a meaning in a URL more often than chance has it. */
const anyText = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }).map(unit => String.fromCharCode(unit)),
      fc.integer({ min: 0x20, max: 0x7e }).map(unit => String.fromCharCode(unit)),
      fc.constantFrom(
        'postgres://',
        'u:',
        '@',
        '@h/',
        ':',
        '/',
        ' ',
        '\n',
        'password=',
        "'",
        '"',
        '\\',
        '***',
        '?',
        '&'
      )
    ),
    { maxLength: 40 }
  )
  .map(pieces => pieces.join(''))

const password = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 12 }), fc.string({ maxLength: 12 }))
  .map(([before, after]) => before + CANARY + after)
  .filter(text => !/[\r\n\u2028\u2029]/.test(text))

t.test('redact', async t => {
  t.test('masks the password', async t => {
    const rows: ReadonlyArray<readonly [string, string, string]> = [
      ['of a URL', 'postgres://u:s3cret@h/db', 'postgres://u:***@h/db'],
      [
        'of a URL in the other scheme',
        'postgresql://u:s3cret@h:5432/db?a=b',
        'postgresql://u:***@h:5432/db?a=b'
      ],
      [
        'of a URL with a driver in its scheme',
        'postgresql+asyncpg://u:s3cret@h/db',
        'postgresql+asyncpg://u:***@h/db'
      ],
      ['of a URL for Java', 'jdbc:postgresql://u:s3cret@h/db', 'jdbc:postgresql://u:***@h/db'],
      ['of a URL in capitals', 'POSTGRES://u:s3cret@h/db', 'POSTGRES://u:***@h/db'],
      ['of a URL with escaped slashes', 'postgres:\\/\\/u:s3cret@h\\/db', 'postgres:\\/\\/u:***@h\\/db'],
      ['of a URL without a user', 'postgres://:s3cret@h/db', 'postgres://:***@h/db'],
      ['of a URL without a host', 'postgres://u:s3cret@', 'postgres://u:***@'],
      [
        'of a URL with an IPv6 address',
        'postgres://u:s3cret@[::1]:5432/db',
        'postgres://u:***@[::1]:5432/db'
      ],
      ['behind a user with an @', 'postgres://me@corp.com:s3cret@h/db', 'postgres://me@corp.com:***@h/db'],
      ['made of digits', 'postgres://u:1234@h/db', 'postgres://u:***@h/db'],
      ['with @, /, ? and # as they are', 'postgres://u:p@/?#s@h/db', 'postgres://u:***@h/db'],
      ['with spaces', 'postgres://u:my own pass@h/db', 'postgres://u:***@h/db'],
      ['with spaces, before a host alone', 'postgres://u:my own pass@h', 'postgres://u:***@h'],
      ['with a line break', 'postgres://u:two\nlines@h/db', 'postgres://u:***@h/db'],
      ['with a scheme in it', 'postgres://u:ab-postgres://cd@h/db', 'postgres://u:***@h/db'],
      ['that nothing ends', 'postgres://u:s3cret and more\nnext', 'postgres://u:***\nnext'],
      [
        'of every URL',
        'postgres://a:s3cret@h/1, postgres://b:s3cret@h/2',
        'postgres://a:***@h/1, postgres://b:***@h/2'
      ],
      ['of a URL in quotes', "'postgres://u:s3cret@h/db' from '@a/b'", "'postgres://u:***@h/db' from '@a/b'"],
      ['that may as well be a port', 'postgres://h:5432/db me@corp.com', 'postgres://h:***@corp.com'],
      ['that begins with a space', 'postgres://u: s3cret@', 'postgres://u:***@'],
      [
        'of the URL behind a URL without one',
        'postgres://a:1,postgres://u:s3cret@h',
        'postgres://a:1,postgres://u:***@h'
      ],
      ['with an @, before a host alone', 'postgres://u:p@ss@h', 'postgres://u:***@h'],
      ['with an @ and a space', 'to postgres://u:p@s cret@h/db', 'to postgres://u:***@h/db'],
      ['of a URL in quotes, with the quote in it', "'postgres://u:s3'cret@h/db'", "'postgres://u:***@h/db'"],
      ['of a URL that a quote opens only', '"postgres://u:s3cret@h/db', '"postgres://u:***@h/db'],
      [
        'of a URL inside JSON',
        '{"url":"postgres://u:x@h/d","to":"a@b.c"}',
        '{"url":"postgres://u:***@h/d","to":"a@b.c"}'
      ],
      ['in a query', 'h/db?password=s3cret&a=b', 'h/db?password=***&a=b'],
      ['of a key in a query', 'h/db?a=b&sslpassword=s3cret#x', 'h/db?a=b&sslpassword=***#x'],
      ['in a key=value string', 'host=h password=a&b,c user=u', 'host=h password=*** user=u'],
      [
        'in quotes in a key=value string',
        "host=h password = 'a \\' b' user=u",
        'host=h password = *** user=u'
      ],
      ['with text behind its quotes', "password='a'b user=u", 'password=*** user=u'],
      ['in quotes that do not close', "password='a b\nnext", 'password=***\nnext'],
      ['in an environment', 'PGPASSWORD=s3cret psql', 'PGPASSWORD=*** psql'],
      ['in an object', "{ user: 'u', password: 's3cret' }", "{ user: 'u', password: '***' }"],
      ['in JSON', '{"password":"a\\"b","user":"u"}', '{"password":"***","user":"u"}']
    ]
    for (const [condition, text, expected] of rows) t.equal(redact(text), expected, condition)
  })

  t.test('leaves alone', async t => {
    const rows: ReadonlyArray<readonly [string, string]> = [
      ['the empty string', ''],
      ['text without a URL', 'invalid password: mail me@corp.com'],
      ['a URL without a password', 'postgres://u@h/db'],
      ['a host and a port', 'postgres://localhost:5432/db: connection refused'],
      ['a host and a port behind a user', 'postgres://u@h:5432/db'],
      ['a host at the end of a clause', 'no route to postgres://h: gave up'],
      ['an IPv6 address', 'postgres://[::1]:5432/db'],
      ['a host and a port before a package', 'postgres://h:5432/db at /node_modules/@a/b.js'],
      ['an IPv6 address in capitals', 'postgres://[FE80::1]/db'],
      ['a masked URL before a URL', 'postgres://u:***postgres://h/db'],
      ['a colon in a parameter', 'postgres://h/db?options=a:b'],
      ['an e-mail address behind a masked URL', 'postgres://u:***@h/db, mail me@corp.com'],
      [
        'a package on disk behind a masked URL',
        'postgres://u:***@h/db at /node_modules/@neondatabase/serverless/x.mjs:1'
      ],
      ['a URL of another kind', 'wss://h:443/v2']
    ]
    for (const [condition, text] of rows) t.equal(redact(text), text, condition)
  })

  t.test('returns a string for any string, and the same for that', async () => {
    fc.assert(
      fc.property(anyText, text => redact(redact(text)) === redact(text)),
      { numRuns: 3000 }
    )
  })

  t.test(
    'masks the password as a whole, with all the rest readable, for any password of one line',
    async () => {
      fc.assert(
        fc.property(
          password,
          fc.constantFrom('/db', ':5432/db', '/db?sslmode=require', '/db: refused'),
          (raw, rest) => {
            const text = redact(`to postgres://user:${raw}@h.test${rest}\nmail me@corp.com`)
            return text === `to postgres://user:***@h.test${rest}\nmail me@corp.com`
          }
        ),
        { numRuns: 500 }
      )
    }
  )

  t.test('masks any password in key=value and in query form', async () => {
    const forms: ReadonlyArray<(raw: string) => string> = [
      raw => `host=h password=${raw.replace(/\s/g, '')} user=u`,
      raw => `host=h password='${raw.replace(/[\\']/g, '\\$&')}' user=u`,
      raw => `postgres://h/db?password=${encodeURIComponent(raw)}&user=u`
    ]
    fc.assert(
      fc.property(password, fc.constantFrom(...forms), (raw, form) => !redact(form(raw)).includes(CANARY)),
      { numRuns: 500 }
    )
  })

  t.test('takes a time in proportion to the text', async t => {
    for (const piece of [
      'postgres://u:',
      'postgres://u:a@',
      'pg://a:b ',
      'password="',
      'postgre',
      '@a',
      '"password":"'
    ]) {
      // Of the processor, so that nothing beside it counts.
      const before = process.cpuUsage()
      redact(piece.repeat(100_000 / piece.length))
      redact(`postgres://u:${piece.repeat(100_000 / piece.length)}`)

      t.ok(process.cpuUsage(before).user < 1_000_000, JSON.stringify(piece))
    }
  })
})
