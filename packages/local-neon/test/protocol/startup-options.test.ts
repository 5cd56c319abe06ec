/**
 * Which parameters of a start-up packet get through, held against Neon's proxy and PgBouncer.
 */
import t from 'tap'
import { forwardedParameters, pooledOptionsRefusal } from '../../src/protocol/startup.ts'

t.test('the parameters that reach the compute', async t => {
  t.test('are those that the proxy of Neon knows, in UTF8', async t => {
    const forwarded = forwardedParameters(
      new Map([
        ['user', 'alex'],
        ['database', 'shop'],
        ['application_name', 'tests'],
        ['replication', 'database'],
        ['client_encoding', 'LATIN1'],
        ['statement_timeout', '5000'],
        ['lock_timeout', '5000'],
        ['idle_in_transaction_session_timeout', '5000']
      ])
    )

    t.strictSame(Object.fromEntries(forwarded), {
      client_encoding: 'UTF8',
      user: 'alex',
      database: 'shop',
      application_name: 'tests',
      replication: 'database'
    })
  })

  // The first eight are `test_filtered_options` of neondatabase/neon, proxy/src/compute/mod.rs.
  for (const [options, expected] of [
    ['', undefined],
    ['project=foo', undefined],
    [' project=foo ', undefined],
    [String.raw`\  project=foo \ `, String.raw`\  \ `],
    ['project = foo', 'project = foo'],
    [
      'project = foo neon_endpoint_type:read_write   neon_lsn:0/2 neon_proxy_params_compat:true',
      'project = foo'
    ],
    ['endpoint=ep-a', undefined],
    ['endpoint=ep-a-pooler -c statement_timeout=5s', '-c statement_timeout=5s'],
    ['neon_lsn:', 'neon_lsn:'],
    ['xneon_lsn:0/2', 'xneon_lsn:0/2'],
    ['-c  a=b\t-c c=d', '-c a=b -c c=d'],
    ['-c a=b\\', '-c a=b\\']
  ] as const) {
    t.test(`have of options ${JSON.stringify(options)} only ${JSON.stringify(expected)}`, async t => {
      const forwarded = forwardedParameters(new Map([['options', options]]))

      t.equal(forwarded.get('options'), expected)
    })
  }

  for (const value of ['true', 'false']) {
    t.test(`are all of them with the flag for old clients, be it ${value}`, async t => {
      const forwarded = forwardedParameters(
        new Map([
          ['options', `neon_proxy_params_compat:${value}`],
          ['user', 'alex'],
          ['statement_timeout', '5000']
        ])
      )

      t.strictSame(Object.fromEntries(forwarded), { user: 'alex', statement_timeout: '5000' })
    })
  }
})

const FORM = "unsupported options startup parameter: only '-c config=val' and '--config=val' are allowed"
const unsupported = (name: string) =>
  `unsupported startup parameter in options: ${name}. ` +
  'Please use unpooled connection or remove this parameter from the startup package. ' +
  'More details: https://neon.tech/docs/connect/connection-errors#unsupported-startup-parameter'

t.test('options at a pooled host', async t => {
  for (const options of [
    undefined,
    '',
    // From test/test_misc.py of PgBouncer.
    String.raw`-c timezone=Portugal  -c    datestyle=German,\ YMD`,
    String.raw`-ctimezone=Portugal  -cdatestyle=German,\ YMD`,
    String.raw`--timezone=Portugal  --datestyle=German,\ YMD`,
    String.raw`-c t\imezone=\P\o\r\t\ugal  -c    dat\estyle\=\Ge\rman,\ YMD`,
    '-c extra_float_digits=2',
    '-c TimeZone=UTC --DateStyle=ISO',
    '-c timezone='
  ]) {
    t.test(`are taken: ${JSON.stringify(options)}`, async t => {
      t.equal(pooledOptionsRefusal(options), undefined)
    })
  }

  for (const [options, refusal] of [
    ['-d', FORM],
    ['-c timezone', FORM],
    ['-c', FORM],
    ['--', FORM],
    ['--timezone', FORM],
    ['-- timezone=UTC', FORM],
    ['timezone=UTC', FORM],
    ['-c timezone=UTC search_path=a', FORM],
    ['-c enable_seqscan=false', unsupported('enable_seqscan')],
    ['-c statement_timeout=5s', unsupported('statement_timeout')],
    ['-csearch_path=a', unsupported('search_path')],
    ['--search_path=a', unsupported('search_path')],
    ['-c timezone=UTC -c search_path=a', unsupported('search_path')],
    ['-c --timezone=UTC', unsupported('--timezone')],
    ['-c =x', unsupported('')]
  ] as const) {
    t.test(`are refused: ${options}`, async t => {
      t.equal(pooledOptionsRefusal(options), refusal)
    })
  }
})
