import t from 'tap'
import { verifyConnectionUrl } from '../../src/connection-string/connection-url.ts'
import { checkRows, codesOf, DIRECT, urlWith } from '../support/connection-strings.ts'

t.test('connection URL', async t => {
  t.test('is refused with every reason at once', async t => {
    const value = ' POSTGRES://a@b:p#w@h,i:99999/x/y?sslmode=off&sslcert=c&host=/tmp#z '

    t.strictSame(codesOf(verifyConnectionUrl(value), 'error'), [
      'whitespace-around',
      'scheme-wrong',
      'fragment',
      'user-not-encoded',
      'password-not-encoded',
      'database-invalid',
      'port-invalid',
      'host-list',
      'tls-file',
      'parameter-overrides',
      'host-socket',
      'sslmode-unknown'
    ])
  })

  t.test('is refused', async t => {
    t.test('when it is not a value', async t => {
      checkRows(t, 'error', [
        ['missing', undefined, ['value-missing']],
        ['empty', '', ['value-empty']],
        ['blank', ' \t\n', ['value-empty']],
        ['longer than any URL', urlWith({ path: `/${'x'.repeat(4096)}` }), ['value-too-long']],
        ['as long as it may be', `neondb${'x'.repeat(4090)}`, ['not-a-url']],
        ['not a URL', 'neondb', ['not-a-url']],
        ['a key=value string', 'host=h user=u password=p', ['not-a-url']],
        ['a URL without slashes', 'postgres:u:p@h/db', ['not-a-url']],
        ['a URL without a scheme', 'alex:AbC123dEf@localhost/db', ['not-a-url']]
      ])
      t.equal(
        verifyConnectionUrl(urlWith({ login: `u:${'p'.repeat(3000)}` })).findings.length,
        1,
        'long but possible'
      )
    })

    t.test('when its scheme is wrong, with a fix for each', async t => {
      const rows: ReadonlyArray<readonly [string, RegExp]> = [
        ['http://u:p@h/db', /web address/],
        ['https://console.neon.tech/app', /web address/],
        ['jdbc:postgresql://h/db', /Remove jdbc:/],
        ['postgresql+asyncpg://u:p@h/db', /Remove the name of the driver/],
        ['prisma+postgres://accelerate.prisma-data.net/?api_key=k', /Prisma/],
        ['HTTPS://h/db', /web address/],
        ['JDBC:postgresql://h/db', /Remove jdbc:/],
        ['Postgres+asyncpg://h/db', /Remove the name of the driver/],
        ['Prisma://h/db', /Prisma/],
        ['MySQL://u:p@h/db', /another database/],
        ['mysql://u:p@h/db', /another database/],
        ['POSTGRESQL://u:p@h/db', /Begin the value/],
        ['pg://u:p@h/db', /Begin the value/]
      ]
      for (const [value, fix] of rows) {
        t.match(
          verifyConnectionUrl(value).findings[0],
          { code: 'scheme-wrong', severity: 'error', fix },
          value
        )
      }
    })

    t.test('when something was pasted around it', async t => {
      checkRows(t, 'error', [
        ['a psql command', `psql '${urlWith()}'`, ['psql-command']],
        ['a psql command without quotes', `psql ${urlWith()}`, ['psql-command']],
        ['a psql command with options', `psql -d "${urlWith()}" -c 'select 1'`, ['psql-command']],
        ['a psql command of two lines', `psql '${urlWith()}' \\\n  -c 'select 1'`, ['psql-command']],
        ['an assignment in capitals', `SET DATABASE_URL=${urlWith()}`, ['assignment-pasted']],
        ['a quote and a space', `" ${urlWith()}"`, ['quoted']],
        ['a space before a psql command', ` psql ${urlWith()}`, ['whitespace-around', 'psql-command']],
        ['an assignment', `DATABASE_URL=${urlWith()}`, ['assignment-pasted']],
        ['an assignment for a shell', `export DATABASE_URL="${urlWith()}"`, ['assignment-pasted']],
        ['single quotes', `'${urlWith()}'`, ['quoted']],
        ['double quotes', `"${urlWith()}"`, ['quoted']],
        ['quotes of a word processor', `“${urlWith()}”`, ['quoted']],
        ['one quote', `${urlWith()}"`, ['quoted']],
        ['a line break', `${urlWith()}\n`, ['whitespace-around']],
        ['a space', ` ${urlWith()}`, ['whitespace-around']]
      ])
    })

    t.test('when a character does not belong into it', async t => {
      checkRows(t, 'error', [
        ['a space', urlWith({ path: '/neon db?sslmode=require' }), ['whitespace-inside']],
        [
          'a line break',
          urlWith({ path: '/neondb?\nsslmode=require' }),
          ['whitespace-inside', 'sslmode-missing']
        ],
        ['a NUL', urlWith({ path: '/neon\0db?sslmode=require' }), ['control-character']],
        ['a NUL in the password', urlWith({ login: 'u:p\0w' }), ['control-character']],
        ['an encoded NUL', urlWith({ login: 'u:p%00w' }), ['control-character']],
        ['an encoded line break', urlWith({ login: 'u:pw%0A' }), ['control-character']],
        ['a zero-width space', urlWith({ path: '/neondb\u200b?sslmode=require' }), ['control-character']],
        ['half of a surrogate pair', urlWith({ login: 'u:p\ud800w' }), ['control-character']],
        ['a fragment', urlWith({ path: '/neondb?sslmode=require#main' }), ['fragment']],
        [
          'a fragment that cuts sslmode off',
          urlWith({ path: '/neondb#1?sslmode=require' }),
          ['fragment', 'sslmode-missing']
        ]
      ])
    })

    t.test('when a part is missing', async t => {
      checkRows(t, 'error', [
        ['user', urlWith({ login: ':AbC123dEf' }), ['user-missing']],
        ['password', urlWith({ login: 'alex' }), ['password-missing']],
        ['password behind a colon', urlWith({ login: 'alex:' }), ['password-missing']],
        [
          'user and password',
          `postgres://${DIRECT}/neondb?sslmode=require`,
          ['user-missing', 'password-missing']
        ],
        ['host', urlWith({ host: '' }), ['host-missing']],
        ['host before a port', urlWith({ host: ':5432' }), ['host-missing']],
        ['database', urlWith({ path: '?sslmode=require' }), ['database-missing']],
        ['database behind a slash', urlWith({ path: '/?sslmode=require' }), ['database-missing']],
        [
          'everything',
          'postgres://',
          ['user-missing', 'password-missing', 'database-missing', 'host-missing']
        ]
      ])
    })

    t.test('when the password should have been percent-encoded', async t => {
      for (const character of ['@', ':', '/', '?', '#', '\\', '%-', '%z9', 'x/@', '?x=1@', '@?', '#@/']) {
        const codes = codesOf(verifyConnectionUrl(urlWith({ login: `alex:AbC${character}dEf` })), 'error')
        t.strictSame(codes, ['password-not-encoded'], character)
      }
      checkRows(t, 'error', [
        ['space', urlWith({ login: 'alex:AbC dEf' }), ['whitespace-inside', 'password-not-encoded']],
        ['bytes that are not UTF-8', urlWith({ login: 'alex:AbC%FFdEf' }), ['percent-undecodable']]
      ])
    })

    t.test('when the user should have been percent-encoded, or cannot be used', async t => {
      checkRows(t, 'error', [
        ['@', urlWith({ login: 'me@corp.com:AbC123dEf' }), ['user-not-encoded']],
        ['/', urlWith({ login: 'corp/me:AbC123dEf' }), ['user-not-encoded']],
        ['lone %', urlWith({ login: '50%:AbC123dEf' }), ['user-not-encoded']],
        [
          'encoded colon, which the driver decodes before it cuts',
          urlWith({ login: 'a%3Ab:AbC123dEf' }),
          ['user-with-colon']
        ],
        ['bytes that are not UTF-8, twice', urlWith({ login: 'a%C3:b%C3' }), ['percent-undecodable']],
        ['bytes that are not UTF-8', urlWith({ login: 'a%C3:AbC123dEf' }), ['percent-undecodable']]
      ])
    })

    t.test('when its parameters should have been percent-encoded', async t => {
      checkRows(t, 'error', [
        ['@', urlWith({ path: '/neondb?sslmode=require&application_name=a@b' }), ['parameter-not-encoded']],
        [
          'lone %',
          urlWith({ path: '/neondb?sslmode=require&application_name=50%' }),
          ['parameter-not-encoded']
        ],
        [
          'bytes that are not UTF-8',
          urlWith({ path: '/neondb?sslmode=require&application_name=%FF' }),
          ['percent-undecodable']
        ]
      ])
    })

    t.test('when the database name cannot be meant', async t => {
      checkRows(t, 'error', [
        ['slash at the end', urlWith({ path: '/neondb/?sslmode=require' }), ['database-invalid']],
        [
          '& in place of ?',
          urlWith({ path: '/neondb&sslmode=require' }),
          ['database-invalid', 'sslmode-missing']
        ],
        [
          'percent sign, which the driver decodes twice',
          urlWith({ path: '/50%25?sslmode=require' }),
          ['database-invalid']
        ],
        ['lone %', urlWith({ path: '/50%?sslmode=require' }), ['database-invalid']]
      ])
    })

    t.test('when the host or the port cannot be reached', async t => {
      checkRows(t, 'error', [
        ['list of hosts', urlWith({ host: 'a.corp.net,b.corp.net' }), ['host-list']],
        ['list of hosts and ports', urlWith({ host: 'a.corp.net:1,b.corp.net:2' }), ['port-invalid']],
        ['socket', urlWith({ host: '%2Fvar%2Frun' }), ['host-socket']],
        [
          'socket in a parameter',
          urlWith({ path: '/db?host=/tmp&sslmode=require' }),
          ['parameter-overrides', 'host-socket']
        ],
        ['underlined by another character', urlWith({ host: 'db!.corp.net' }), ['host-invalid']],
        ['empty label', urlWith({ host: 'db..corp.net' }), ['host-invalid']],
        ['number too large for an address', urlWith({ host: '1.2.3.999' }), ['host-invalid']],
        ['not an IPv6 address', urlWith({ host: '[::g]' }), ['host-invalid']],
        ['IPv6 address without its end', urlWith({ host: '[::1' }), ['port-invalid', 'host-invalid']],
        ['letters beyond ASCII', urlWith({ host: 'bücher.corp.net' }), ['host-invalid']],
        [
          'socket in one of two parameters',
          urlWith({ path: '/db?host=h&host=/tmp&sslmode=require' }),
          ['parameter-overrides', 'host-socket']
        ],
        [
          'host with a path in a parameter',
          urlWith({ path: '/db?host=h/tmp&sslmode=require' }),
          ['parameter-overrides']
        ],
        ['port behind a bracket', urlWith({ host: 'h:1[]:2' }), ['port-invalid']],
        ['port 0', urlWith({ host: 'db.corp.net:0' }), ['port-invalid']],
        ['port beyond the range', urlWith({ host: 'db.corp.net:65536' }), ['port-invalid']],
        ['port with a sign', urlWith({ host: 'db.corp.net:+1' }), ['port-invalid']],
        ['port that is a name', urlWith({ host: 'db.corp.net:pg' }), ['port-invalid']]
      ])
      t.equal(
        verifyConnectionUrl(urlWith({ host: 'db.corp.net:1' })).connection?.port,
        1,
        'not for the first port'
      )
      t.equal(
        verifyConnectionUrl(urlWith({ host: '[2001:DB8::A]' })).connection?.host,
        '2001:db8::a',
        'not for capitals'
      )
      t.equal(
        verifyConnectionUrl(urlWith({ host: 'db.corp.net:65535' })).connection?.port,
        65_535,
        'not for the last port'
      )
    })

    t.test('when a placeholder is left in it', async t => {
      const rows: ReadonlyArray<readonly [string, string]> = [
        [urlWith({ login: 'alex:<password>' }), 'password'],
        [urlWith({ login: 'alex:[YOUR-PASSWORD]' }), 'password'],
        [urlWith({ login: `alex:\${PGPASSWORD}` }), 'password'],
        [urlWith({ login: 'alex:{{password}}' }), 'password'],
        [urlWith({ login: 'alex:$PGPASSWORD' }), 'password'],
        [urlWith({ login: 'alex:***' }), 'password'],
        [urlWith({ login: 'alex:****************' }), 'password'],
        [urlWith({ login: 'alex:your_db_password' }), 'password'],
        [urlWith({ login: 'alex:YOUR_PASSWORD' }), 'password'],
        [urlWith({ login: 'USER:PASSWORD' }), 'password'],
        [urlWith({ login: 'user:password' }), 'password'],
        [urlWith({ login: 'alex:secret', host: 'db.example.com' }), 'password, host'],
        [
          urlWith({ login: '<user>:<password>', host: '<host>', path: '/<db>' }),
          'user, password, host, database'
        ],
        [
          urlWith({ login: '[user]:[password]', host: '[neon_hostname]', path: '/[dbname]' }),
          'user, password, host, database'
        ],
        [urlWith({ host: `\${PGHOST}` }), 'host'],
        [urlWith({ host: 'host' }), 'host'],
        [urlWith({ host: 'hostname' }), 'host'],
        [urlWith({ host: 'example.com' }), 'host'],
        [urlWith({ host: 'your-host.corp.net' }), 'host'],
        [urlWith({ host: 'ep-xxx.us-east-2.aws.neon.tech' }), 'host'],
        [urlWith({ host: 'ep-xxxx-pooler.us-east-2.aws.neon.tech' }), 'host'],
        [urlWith({ host: 'ep-name-1.us-east-2.aws.neon.tech' }), 'host'],
        [urlWith({ host: 'ep-cool-darkness-123456.region.aws.neon.tech' }), 'host'],
        ['postgres://alex:***@localhost/db', 'password']
      ]
      for (const [value, names] of rows) {
        const found = verifyConnectionUrl(value).findings.find(({ code }) => code === 'placeholder')
        t.equal(found?.message, `DATABASE_URL still holds a placeholder as its ${names}`, value)
      }
    })

    t.test('but not for what only looks like a placeholder', async t => {
      const rows = [
        'postgres://user:password@localhost/db',
        urlWith({ login: 'alex:password' }),
        urlWith({ login: 'user:AbC123dEf' }),
        urlWith({ login: 'alex:%3Cpassword%3E' }),
        urlWith({ login: 'alex:***x' }),
        urlWith({ login: 'alex:$PAss' }),
        urlWith({ login: 'alex:<AbC' }),
        urlWith({ host: 'ep-x.us-east-2.aws.neon.tech' }),
        urlWith({ host: 'ep-nameless-sun-1.us-east-2.aws.neon.tech' }),
        urlWith({ host: 'hosting.corp.net' }),
        urlWith({ host: 'notexample.com' }),
        urlWith({ path: '/your?sslmode=require' })
      ]
      for (const value of rows) t.strictSame(codesOf(verifyConnectionUrl(value), 'error'), [], value)
    })
  })
})
