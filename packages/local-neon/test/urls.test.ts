import t from 'tap'
import { verifyConnectionUrl } from '../../fastify-neon/src/connection-string/connection-url.ts'
import { urlsOf } from '../src/urls.ts'

const PARTS = { password: 'p', port: 54_320, endpoint: 'ep-local' }
const DIRECT = 'postgresql://neondb_owner:p@127.0.0.1:54320/neondb'

t.test('the URLs of a local Neon', async t => {
  t.test('are a direct and a pooled one', async t => {
    t.strictSame(urlsOf({ ...PARTS, tls: 'off' }), {
      direct: DIRECT,
      pooled: `${DIRECT}?options=endpoint%3Dep-local-pooler`
    })
  })

  t.test('are there with TLS as well, where it is offered', async t => {
    const { direct, directTls, pooledTls } = urlsOf({ ...PARTS, tls: 'offered' })

    t.equal(direct, DIRECT)
    t.equal(directTls, `${DIRECT}?sslmode=require`)
    t.equal(pooledTls, `${DIRECT}?options=endpoint%3Dep-local-pooler&sslmode=require`)
  })

  t.test('ask for TLS where there is nothing else', async t => {
    const { direct, pooled, directTls, pooledTls } = urlsOf({ ...PARTS, tls: 'required' })

    t.strictSame([direct, pooled], [directTls, pooledTls])
  })

  t.test('are connection strings as the service takes them', async t => {
    for (const tls of ['off', 'offered', 'required'] as const) {
      for (const url of Object.values(urlsOf({ ...PARTS, tls }))) {
        const { connection } = verifyConnectionUrl(url)
        t.match(connection, { isPooled: url.includes('pooler'), secure: url.includes('sslmode') })
      }
    }
  })
})
