import t, { type Test } from 'tap'
import { discoverKeys } from '../../../src/plugins/auth/discovery.ts'
import { type KeyAnswer, keyServer } from './key-server.ts'
import { buildGuarded, keys, tokenOf } from './tokens.ts'

const OPENID = '/.well-known/openid-configuration'
const OAUTH = '/.well-known/oauth-authorization-server'

const NOT_THERE = { status: 404, body: '' }

/** An issuer that answers these documents, by path. `path` is that of its name. */
async function issuerWith(
  t: Test,
  documents: (issuer: string) => Record<string, object | KeyAnswer>,
  path = ''
) {
  const asked: string[] = []
  const server = await keyServer(t, url => {
    asked.push(url)
    const document = documents(issuer)[url] ?? NOT_THERE
    return 'status' in document ? (document as KeyAnswer) : { status: 200, body: JSON.stringify(document) }
  })
  const issuer = `${server.url.origin}${path}`
  return { issuer, asked, discover: () => discoverKeys(issuer, AbortSignal.timeout(30_000)) }
}

t.test('the keys of an issuer are found by its name', async t => {
  t.test('in the metadata of OpenID Connect', async t => {
    const { issuer, asked, discover } = await issuerWith(t, issuer => ({
      [OPENID]: { issuer, jwks_uri: `${issuer}/keys` }
    }))

    t.equal((await discover()).href, `${issuer}/keys`)
    t.strictSame(asked, [OPENID])
  })

  t.test('or else in those of an OAuth server', async t => {
    const { issuer, asked, discover } = await issuerWith(t, issuer => ({
      [OAUTH]: { issuer, jwks_uri: `${issuer}/keys` }
    }))

    t.equal((await discover()).href, `${issuer}/keys`)
    t.strictSame(asked, [OPENID, OAUTH])
  })

  t.test('behind and before the path of its name', async t => {
    for (const path of ['/tenant/one', '/tenant/one/']) {
      const { asked, discover } = await issuerWith(t, () => ({}), path)

      await t.rejects(discover())

      t.strictSame(asked, [`/tenant/one${OPENID}`, `${OAUTH}/tenant/one`])
    }
  })

  t.test('elsewhere, where its metadata say so', async t => {
    const { discover } = await issuerWith(t, issuer => ({
      [OPENID]: { issuer, jwks_uri: 'https://keys.test/jwks' }
    }))

    t.equal((await discover()).href, 'https://keys.test/jwks')
  })

  const refused: [title: string, document: (issuer: string) => object, reason: RegExp][] = [
    [
      'metadata of another issuer',
      issuer => ({ issuer: `${issuer}/`, jwks_uri: `${issuer}/keys` }),
      /another issuer/
    ],
    ['keys that come without TLS', issuer => ({ issuer, jwks_uri: 'http://issuer.test/keys' }), /jwks_uri/],
    ['keys in a file', issuer => ({ issuer, jwks_uri: 'file:///etc/keys' }), /jwks_uri/],
    ['keys that are not a URL', issuer => ({ issuer, jwks_uri: 'keys' }), /jwks_uri/],
    ['metadata without keys', issuer => ({ issuer }), /jwks_uri/],
    ['a page', () => ({ status: 200, body: '<html>' }), /JSON/],
    ['null', () => ({ status: 200, body: 'null' }), /another issuer/],
    ['a redirect', () => ({ status: 302, body: '', location: 'https://elsewhere.test' }), /fetch failed/],
    [
      'more than any metadata',
      () => ({ status: 200, body: ' '.repeat(200 * 1024) }),
      /more than 131072 bytes/
    ]
  ]
  for (const [title, document, reason] of refused) {
    t.test(`G13 refuses ${title}`, async t => {
      const { discover } = await issuerWith(t, issuer => ({ [OPENID]: document(issuer) }))

      await t.rejects(discover(), { message: reason })
    })
  }

  t.test('for each fetch of the keys, so that they may move', async t => {
    const set = JSON.stringify({ keys: [keys.jwk] })
    const { issuer, asked } = await issuerWith(t, issuer => ({
      [OPENID]: { issuer, jwks_uri: `${issuer}/keys` },
      '/keys': { status: 200, body: set }
    }))
    const { get } = await buildGuarded(t, { issuer, jwksUrl: undefined })

    const response = await get(`Bearer ${await tokenOf({ iss: issuer })}`)

    t.equal(response.statusCode, 200)
    t.strictSame(asked, [OPENID, '/keys'])
  })

  t.test('not while it is down: 503, and the log says why', async t => {
    const { issuer } = await issuerWith(t, () => ({}))
    const { get, logs } = await buildGuarded(t, { issuer, jwksUrl: undefined })

    const response = await get(`Bearer ${await tokenOf({ iss: issuer })}`)

    t.match(response.json(), { status: 503, code: 'APP_KEYS_UNAVAILABLE' })
    t.equal(response.headers['retry-after'] === undefined, false)
    t.match(
      logs.find(({ msg }) => msg === 'the keys of the issuer cannot be loaded'),
      { err: { message: /openid-configuration answered 404; .*oauth-authorization-server answered 404/ } }
    )
  })
})
