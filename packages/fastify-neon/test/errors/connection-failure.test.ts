import { createServer } from 'node:net'
import { DatabaseError } from '@neondatabase/serverless'
import t from 'tap'
import { start } from '../../../local-neon/test/fixtures/sandbox.ts'
import { audit } from '../../src/cli/audit/audit-command.ts'
import { migrate } from '../../src/cli/migrate-command.ts'
import { showStatus } from '../../src/cli/status-command.ts'
import { verifiedUrl } from '../../src/connection-string/connection-url.ts'
import { toConnectionFailure } from '../../src/errors/connection-failure.ts'
import { captured } from '../cli/captured.ts'

const NEON = verifiedUrl(
  'postgresql://app:s3cr3t-word@ep-x-1.eu-central-1.aws.neon.tech/shop?sslmode=require',
  'url'
)
const HERE = 'ep-x-1.eu-central-1.aws.neon.tech'

const answer = (code: string, message: string) =>
  Object.assign(new DatabaseError(message, 0, 'error'), { code, severity: 'FATAL' })
const system = (code: string) => Object.assign(new Error(`connect ${code}`), { code })

const rows: [title: string, error: unknown, text: string | RegExp][] = [
  [
    'a password',
    answer('XX000', "password authentication failed for user 'app'"),
    `${HERE}:443 refused the password of role "app", or has no such role (XX000). Check user and password of the connection string, as the Neon console shows them under Connect.`
  ],
  [
    'a password, by Postgres',
    answer('28P01', 'password'),
    /role "app".* \(28P01\)\. Check user and password/
  ],
  [
    'a database',
    answer('XX000', 'database "shop" does not exist'),
    `there is no database "shop" at ${HERE}:443 (XX000). Check the name of the database, behind the host in the connection string.`
  ],
  ['a database, by Postgres', answer('3D000', 'database'), /no database "shop" .*\(3D000\)/],
  [
    'a role',
    answer('28000', 'role "app" does not exist'),
    /does not let role "app" into database "shop" \(28000\)/
  ],
  ['a role, by the proxy', answer('XX000', 'role "app" does not exist'), /does not let role "app"/],
  ['an endpoint', answer('XX000', 'endpoint cannot be found'), /^Neon has no endpoint of the name in ep-x-1/],
  ['an endpoint that is off', answer('XX000', 'endpoint is disabled'), /is disabled \(XX000\)\. Enable it/],
  ['a quota', answer('XX000', 'check your quotas'), /quota .* used up/],
  ['an address', answer('XX000', 'IP address 10.0.0.1 is not allowed'), /IP Allow/],
  ['a parameter', answer('08P01', 'unsupported startup parameter: x'), /options of the connection string/],
  ['a start', answer('57P03', 'the database system is starting up'), /is starting \(57P03\)\. Run again/],
  ['too many', answer('53300', 'too many clients'), /takes no more connections \(53300\)/],
  [
    'a host',
    system('ENOTFOUND'),
    `the host ${HERE} cannot be found (ENOTFOUND). Check the host of the connection string.`
  ],
  ['DNS', system('EAI_AGAIN'), /DNS did not answer .*\(EAI_AGAIN\)/],
  ['a port', system('ECONNREFUSED'), /^nothing listens at ep-x-1.*:443 \(ECONNREFUSED\)/],
  ['a network', system('ENETUNREACH'), /no way to .*\(ENETUNREACH\)/],
  ['a certificate', system('DEPTH_ZERO_SELF_SIGNED_CERT'), /is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/],
  ['the certificate of another', system('ERR_TLS_CERT_ALTNAME_INVALID'), /is for another host/],
  ['what is not TLS', system('EPROTO'), /does not speak TLS .*\(EPROTO\)/],
  [
    'what is not Neon',
    new Error('Unexpected server response: 404'),
    /does not speak WebSocket .*\(upgrade-refused\)/
  ],
  ['a reset', system('ECONNRESET'), /closed the connection during the login \(ECONNRESET\)/],
  [
    'a timeout',
    new Error('timeout expired'),
    /did not answer in time \(no-answer\)\. Check the host, and whether a firewall/
  ],
  ['a timeout of TCP', system('ETIMEDOUT'), /did not answer in time \(ETIMEDOUT\)/],
  [
    'anything else',
    answer('XX000', 'Internal error'),
    /^no connection to .*, database "shop", as role "app" \(XX000\)/
  ],
  ['what nobody knows', new Error('s3cr3t-word'), /as role "app"\. Check the connection string\.$/]
]

t.test('no connection, because of', async t => {
  for (const [title, error, text] of rows)
    t.test(`${title}, is told with what to do`, async t => {
      const failure = toConnectionFailure(error, NEON)

      if (typeof text === 'string') t.equal(failure.message, text)
      else t.match(failure.message, text)
      t.match(failure.code, /^FST_NEON_/)
      t.notMatch(`${failure.message} ${failure.stack}`, 's3cr3t-word')
    })
})

t.test('the commands say why there is no connection', async t => {
  const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })
  const { port } = new URL(neon.url)
  const silent = createServer(socket => socket.destroy())
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const address = silent.address()
  const changed = (parts: Partial<URL>) => Object.assign(new URL(neon.url), parts).href

  const cases: [url: string, text: RegExp][] = [
    [
      changed({ password: 's3cr3t-word' }),
      new RegExp(`127\\.0\\.0\\.1:${port} refused the password of role "\\w+"`)
    ],
    [changed({ username: 'nobody', password: 's3cr3t-word' }), /role "nobody", or has no such role/],
    [changed({ pathname: '/none' }), new RegExp(`no database "none" at 127\\.0\\.0\\.1:${port} \\(`)],
    [changed({ port: '1' }), /nothing listens at 127\.0\.0\.1:1 \(ECONNREFUSED\)/],
    [
      changed({ port: `${typeof address === 'object' && address?.port}` }),
      /closed the connection during the login \(ECONNRESET\)/
    ],
    ['postgresql://app:s3cr3t-word@[::1]:1/shop', /at \[::1\]:1 \(/],
    [
      'postgresql://app:s3cr3t-word@nowhere.invalid/shop?sslmode=require',
      /host nowhere\.invalid .*\((?:ENOTFOUND|EAI_AGAIN)\)/
    ]
  ]
  for (const [url, text] of cases)
    t.test(`${text}`, async t => {
      for (const command of [migrate, showStatus, audit]) {
        const { code, text: told } = await captured(command)({ DATABASE_URL: url })

        t.equal(code, 1)
        t.match(told, text)
        t.notMatch(told, 's3cr3t-word')
      }
    })
})
