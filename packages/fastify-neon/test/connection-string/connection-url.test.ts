import { inspect } from 'node:util'
import t from 'tap'
import { verifyConnectionUrl } from '../../src/connection-string/connection-url.ts'
import type { FindingCode } from '../../src/connection-string/findings.ts'
import { checkRows, codesOf, DIRECT, POOLED, urlWith } from '../support/connection-strings.ts'

t.test('connection URL', async t => {
  t.test('is accepted, with nothing to say', async t => {
    const rows: readonly string[] = [
      'postgresql://alex:AbC123dEf@db.corp.net/app?sslmode=require',
      'postgres://alex:AbC123dEf@db.corp.net:6543/app?sslmode=verify-full',
      'postgres://alex:AbC123dEf@db.corp.net/app?sslmode=verify-ca&application_name=api&client_encoding=UTF8',
      'postgres://alex:AbC123dEf@192.168.1.7:/app?sslmode=require',
      'postgres://alex:AbC123dEf@[2001:db8::1]:5433/app?sslmode=require',
      "postgres://alex:!$&'()*+,;=-._~@db.corp.net/app?sslmode=require",
      'postgres://alex:<"^`{|}[]>x@db.corp.net/app?sslmode=require',
      'postgres://alex:pässwörd€@db.corp.net/app?sslmode=require',
      'postgres://postgres:password@localhost:5432/postgres',
      'postgres://user:password@127.0.0.1/db',
      'postgres://user:pass@[::1]/db?sslmode=disable'
    ]
    for (const value of rows) t.strictSame(verifyConnectionUrl(value).findings, [], value)
  })

  t.test('says where it points, when it is accepted', async t => {
    const { connection, findings } = verifyConnectionUrl(urlWith({ host: POOLED }))

    t.strictSame(connection && { ...connection }, {
      host: POOLED,
      isLoopback: false,
      isNeon: true,
      isPooled: true,
      endpointId: 'ep-cool-darkness-123456',
      region: 'us-east-2.aws',
      port: 5432,
      database: 'neondb',
      user: 'alex',
      secure: true
    })
    t.equal(connection?.password, 'AbC123dEf')
    t.equal(connection?.href, urlWith({ host: POOLED }))
    t.match(findings, [
      { code: 'neon-endpoint', severity: 'info', message: /ep-cool-darkness-123456.*us-east-2\.aws.*pooled/ }
    ])
  })

  t.test('decodes user, password, database and options', async t => {
    const path = '/%C3%A9t%C3%A9%2F1?options=-c%20geqo%3Doff&sslmode=require'
    const { connection } = verifyConnectionUrl(urlWith({ login: 'me%40corp:p%40%3A%2F%3F%23%25+%20x', path }))

    t.match(connection, { user: 'me@corp', database: 'été/1', options: '-c geqo=off' })
    t.equal(connection?.password, 'p@:/?#%+ x')
  })

  t.test('cannot be changed once verified', async t => {
    t.ok(Object.isFrozen(verifyConnectionUrl(urlWith()).connection))
  })

  t.test('is named in the message by its variable', async t => {
    t.equal(verifyConnectionUrl(undefined).findings[0]?.message, 'DATABASE_URL is not set')
    t.equal(verifyConnectionUrl('', { variable: 'PG_URL' }).findings[0]?.message, 'PG_URL is empty')
  })

  t.test('asks for TLS', async t => {
    t.test('by its sslmode, on any host that is not this machine', async t => {
      const other = (query: string) => urlWith({ host: 'db.corp.net', path: `/app${query}` })
      checkRows(t, 'error', [
        ['require', other('?sslmode=require'), []],
        ['verify-ca', other('?sslmode=verify-ca'), []],
        ['verify-full', other('?sslmode=verify-full'), []],
        ['missing', other(''), ['sslmode-missing']],
        ['missing behind a ?', other('?'), ['sslmode-missing']],
        ['disable', other('?sslmode=disable'), ['sslmode-weak']],
        ['allow', other('?sslmode=allow'), ['sslmode-weak']],
        ['prefer', other('?sslmode=prefer'), ['sslmode-weak']],
        ['weak before strong', other('?sslmode=disable&sslmode=require'), ['sslmode-weak']],
        ['weak behind strong', other('?sslmode=require&sslmode=disable'), ['sslmode-weak']],
        ['unknown', other('?sslmode=no-verify'), ['sslmode-unknown']],
        ['empty', other('?sslmode='), ['sslmode-unknown']],
        ['in capitals', other('?sslmode=REQUIRE'), ['sslmode-unknown']],
        ['unknown on this machine', 'postgres://u:p@localhost/db?sslmode=yes', ['sslmode-unknown']],
        [
          'name that begins like this machine',
          urlWith({ host: 'localhost.evil.com', path: '/db' }),
          ['sslmode-missing']
        ],
        [
          'name that begins like its address',
          urlWith({ host: '127.0.0.1.nip.io', path: '/db' }),
          ['sslmode-missing']
        ],
        [
          'name that ends like this machine',
          urlWith({ host: 'notlocalhost', path: '/db' }),
          ['sslmode-missing']
        ],
        ['address that begins otherwise', urlWith({ host: '128.0.0.1', path: '/db' }), ['sslmode-missing']],
        ['address of every interface', urlWith({ host: '0.0.0.0', path: '/db' }), ['sslmode-missing']],
        ['another IPv6 address', urlWith({ host: '[::2]', path: '/db' }), ['sslmode-missing']]
      ])
    })

    t.test('on this machine when sslmode does, and never elsewhere in vain', async t => {
      const rows: ReadonlyArray<readonly [string, boolean]> = [
        ['postgres://u:p@localhost/db', false],
        ['postgres://u:p@localhost/db?sslmode=disable', false],
        ['postgres://u:p@localhost/db?sslmode=allow', false],
        ['postgres://u:p@localhost/db?sslmode=prefer', false],
        ['postgres://u:p@localhost/db?sslmode=require', true],
        ['postgres://u:p@localhost/db?sslmode=verify-ca', true],
        ['postgres://u:p@localhost/db?sslmode=verify-full', true],
        ['postgres://u:p@localhost/db?sslmode=disable&sslmode=require', true],
        [urlWith(), true]
      ]
      for (const [value, secure] of rows)
        t.equal(verifyConnectionUrl(value).connection?.secure, secure, value)
    })

    t.test('but not from a host that is this machine', async t => {
      const rows: ReadonlyArray<readonly [string, string]> = [
        ['localhost', 'localhost'],
        ['LocalHost', 'localhost'],
        ['localhost.', 'localhost'],
        ['db.localhost', 'db.localhost'],
        ['127.0.0.1', '127.0.0.1'],
        ['127.255.3.4', '127.255.3.4'],
        ['127.1', '127.0.0.1'],
        ['[::1]', '::1'],
        ['[0:0:0:0:0:0:0:1]', '::1']
      ]
      for (const [given, host] of rows) {
        const { connection } = verifyConnectionUrl(`postgres://u:p@${given}:5433/db`)
        t.match(connection, { host, isLoopback: true, isNeon: false, isPooled: false, port: 5433 }, given)
      }
    })
  })

  t.test('has parameters', async t => {
    const withQuery = (query: string, host = DIRECT) =>
      urlWith({ host, path: `/neondb?sslmode=require&${query}` })
    const messageOf = (value: string, code: FindingCode) =>
      verifyConnectionUrl(value).findings.find(finding => finding.code === code)?.message

    t.test('that are refused', async t => {
      for (const name of ['sslrootcert', 'sslcert', 'sslkey', 'sslcrl', 'sslpassword']) {
        t.strictSame(codesOf(verifyConnectionUrl(withQuery(`${name}=x`)), 'error'), ['tls-file'], name)
      }
      for (const name of ['host', 'hostaddr', 'port', 'user', 'password', 'dbname', 'service']) {
        t.strictSame(
          codesOf(verifyConnectionUrl(withQuery(`${name}=x`)), 'error'),
          ['parameter-overrides'],
          name
        )
      }
    })

    t.test('that have no effect, in one finding', async t => {
      const value = withQuery(
        'channel_binding=require&connect_timeout=5&pgbouncer=true&schema=public&pool_timeout=1'
      )

      t.strictSame(codesOf(verifyConnectionUrl(value), 'info'), ['parameter-without-effect', 'neon-endpoint'])
      t.match(
        messageOf(value, 'parameter-without-effect'),
        /: channel_binding, connect_timeout, pgbouncer, schema, pool_timeout$/
      )
    })

    t.test('that deserve a warning', async t => {
      checkRows(t, 'warning', [
        ['statement_timeout', withQuery('statement_timeout=1'), ['timeout-dropped']],
        ['lock_timeout', withQuery('lock_timeout=1'), ['timeout-dropped']],
        ['idle timeout', withQuery('idle_in_transaction_session_timeout=1'), ['timeout-dropped']],
        ['unknown', withQuery('sslmod=1'), ['parameter-unknown']],
        ['name of an object property', withQuery('constructor=1'), ['parameter-unknown']],
        ['repeated', withQuery('application_name=a&application_name=b'), ['parameter-repeated']]
      ])
    })

    t.test('of which only the names are told', async t => {
      const many = Array.from({ length: 7 }, (_, i) => `p${i}=v`).join('&')
      t.match(messageOf(withQuery('foo=hidden&bar=hidden'), 'parameter-unknown'), /: foo, bar$/)
      t.match(messageOf(withQuery('foo=a&foo=b'), 'parameter-repeated'), /: foo$/)
      t.match(messageOf(withQuery('a=1&b=1&c=1&d=1&e=1'), 'parameter-unknown'), /: a, b, c, d, e$/)
      t.match(messageOf(withQuery(many), 'parameter-unknown'), /: p0, p1, p2, p3, p4 and 2 more$/)
      t.match(messageOf(withQuery(`${'x'.repeat(99)}=1`), 'parameter-unknown'), /: x{40}$/)
      t.match(messageOf(withQuery('a%C2%85b%E2%80%AE=1'), 'parameter-unknown'), /: ab$/)
    })

    t.test('of which no name is told that may be a piece of a secret', async t => {
      const rows: ReadonlyArray<readonly [string, string]> = [
        ['something is wrong with the URL', urlWith({ login: 'alex:Ab@C', path: '/neondb?foo=1' })],
        ['another parameter is a secret', withQuery('sslpassword=a&foo=1')],
        [
          'one of two holds the password',
          urlWith({ login: 'alex:fo', path: '/db?sslmode=require&bar=1&foo=1' })
        ],
        ['it holds the password', urlWith({ login: 'alex:fo', path: '/neondb?sslmode=require&foo=1' })]
      ]
      for (const [condition, value] of rows) {
        t.match(messageOf(value, 'parameter-unknown'), /: \(name withheld/, condition)
      }
    })

    t.test('called options, which Neon takes apart', async t => {
      const optionsOf = (options: string, host?: string) =>
        withQuery(`options=${encodeURIComponent(options)}`, host)
      checkRows(t, 'warning', [
        ['setting on a pooled host', optionsOf('-c geqo=off', POOLED), ['options-refused-by-pooler']],
        [
          'setting in one word',
          optionsOf('endpoint=ep-cool-darkness-123456 -cgeqo=off', POOLED),
          ['options-refused-by-pooler']
        ],
        [
          'setting, repeated',
          `${optionsOf('-c geqo=off', POOLED)}&options=x`,
          ['parameter-repeated', 'options-refused-by-pooler']
        ],
        ['setting in the long form', optionsOf('--geqo=off', POOLED), ['options-refused-by-pooler']],
        ['setting on a direct host', optionsOf('-c geqo=off'), []],
        ['endpoint on a pooled host', optionsOf('endpoint=ep-cool-darkness-123456', POOLED), []]
      ])
      checkRows(t, 'info', [
        ['on a direct host', optionsOf('-c geqo=off'), ['options-forwarded', 'neon-endpoint']],
        ['on another host', optionsOf('endpoint=ep-x', 'db.corp.net'), ['options-forwarded']]
      ])
      checkRows(t, 'error', [
        ['endpoint of the host', optionsOf('endpoint=ep-cool-darkness-123456'), []],
        ['endpoint of the host, pooled', optionsOf('endpoint=EP-cool-darkness-123456-pooler', POOLED), []],
        ['another endpoint', optionsOf('endpoint=ep-other'), ['endpoint-mismatch']],
        ['another endpoint, repeated', `${optionsOf('endpoint=ep-other')}&options=x`, ['endpoint-mismatch']],
        ['another endpoint, old name', optionsOf('-c a=b project=ep-other'), ['endpoint-mismatch']],
        ['no endpoint', optionsOf('endpoint='), ['endpoint-mismatch']],
        ['endpoint where no host is understood', withQuery('options=endpoint%3Dep-x', 'a,b'), ['host-list']]
      ])
    })
  })

  t.test('points to Neon', async t => {
    const rows: ReadonlyArray<readonly [string, boolean, boolean, string | undefined, string | undefined]> = [
      ['ep-x.us-east-2.aws.neon.tech', true, false, 'ep-x', 'us-east-2.aws'],
      ['EP-X-Pooler.us-east-2.aws.NEON.tech', true, true, 'ep-x', 'us-east-2.aws'],
      ['ep-x-pooler.c-2.us-east-2.aws.neon.tech', true, true, 'ep-x', 'us-east-2.aws'],
      ['ep-x.eastus2.azure.neon.tech.', true, false, 'ep-x', 'eastus2.azure'],
      ['ep-x-pooler.us-east-2.aws.neon.build', true, true, 'ep-x', 'us-east-2.aws'],
      ['ep-x-pooler.us-east-1.postgres.vercel-storage.com', true, true, 'ep-x', 'us-east-1'],
      ['my-ep-x.us-east-2.aws.neon.tech', true, false, undefined, undefined],
      ['ep-x.neon.tech', true, false, 'ep-x', undefined],
      ['old-project-1.cloud.neon.tech', true, false, undefined, undefined],
      ['pg.neon.tech', true, false, undefined, undefined],
      ['-pooler.neon.tech', true, false, undefined, undefined],
      ['ep-x.pooler-pooler.aws.neon.tech', true, false, 'ep-x', 'pooler-pooler.aws'],
      ['neon.tech', false, false, undefined, undefined],
      ['ep-x-pooler.notneon.tech', false, false, undefined, undefined],
      ['ep-x-pooler.us-east-2.aws.neon.tech.evil.com', false, false, undefined, undefined]
    ]
    for (const [host, isNeon, isPooled, endpointId, region] of rows) {
      const { connection } = verifyConnectionUrl(urlWith({ host }))
      t.strictSame(
        [connection?.isNeon, connection?.isPooled, connection?.endpointId, connection?.region],
        [isNeon, isPooled, endpointId, region],
        host
      )
    }

    t.match(
      verifyConnectionUrl(urlWith({ host: 'pg.neon.tech' })).findings,
      [{ code: 'neon-endpoint', message: /endpoint unknown, region unknown, direct/ }],
      'says so when the endpoint cannot be told'
    )
    checkRows(t, 'warning', [
      ['the usual port', urlWith({ host: `${DIRECT}:5432` }), []],
      ['another port', urlWith({ host: `${DIRECT}:6543` }), ['port-ignored']]
    ])
  })

  t.test('gives the password away', async t => {
    const { connection } = verifyConnectionUrl(urlWith())

    t.notOk(
      connection && Object.keys(connection).some(key => ['password', 'href'].includes(key)),
      'not as a key'
    )
    t.notMatch(JSON.stringify(connection), 'AbC123dEf', 'not as JSON')
    t.notMatch(inspect(connection, { showHidden: true, depth: null }), 'AbC123dEf', 'not when inspected')
    t.notOk(Object.values({ ...connection }).includes('AbC123dEf'), 'not in a copy')
    t.equal(connection?.password, 'AbC123dEf', 'when asked for by name')
  })
})
