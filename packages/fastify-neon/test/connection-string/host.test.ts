import t from 'tap'
import { verifyConnectionUrl } from '../../src/connection-string/connection-url.ts'
import { deriveDirectUrl, isLoopbackHost } from '../../src/connection-string/host.ts'
import { DIRECT, POOLED, urlWith } from '../support/connection-strings.ts'

t.test('isLoopbackHost', async t => {
  for (const host of ['localhost', 'LOCALHOST.', 'api.localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]']) {
    t.equal(isLoopbackHost(host), true, host)
  }
  for (const host of ['', '0.0.0.0', '::', 'localhost.evil.com', '127.0.0.1.nip.io', '128.0.0.1', DIRECT]) {
    t.equal(isLoopbackHost(host), false, host)
  }
})

t.test('deriveDirectUrl', async t => {
  const rows: ReadonlyArray<readonly [string, string, string]> = [
    ['drops -pooler', urlWith({ host: POOLED }), urlWith()],
    ['drops it before a port', urlWith({ host: `${POOLED}:5432` }), urlWith({ host: `${DIRECT}:5432` })],
    [
      'drops it in any case',
      urlWith({ host: 'EP-X-Pooler.aws.Neon.Tech' }),
      urlWith({ host: 'EP-X.aws.Neon.Tech' })
    ],
    [
      'drops it twice',
      urlWith({ host: 'ep-x-pooler-pooler.neon.tech' }),
      urlWith({ host: 'ep-x.neon.tech' })
    ],
    ['drops it behind a raw @', urlWith({ login: 'u:p@w', host: POOLED }), urlWith({ login: 'u:p@w' })],
    ['drops it without a user', `postgres://${POOLED}`, `postgres://${DIRECT}`],
    ['drops it in any scheme', `POSTGRES://${POOLED}/db`, `POSTGRES://${DIRECT}/db`],
    ['keeps a direct host', urlWith(), urlWith()],
    [
      'keeps other labels',
      urlWith({ host: 'ep-x.a-pooler.neon.tech' }),
      urlWith({ host: 'ep-x.a-pooler.neon.tech' })
    ],
    ['keeps other hosts', urlWith({ host: 'a-pooler.corp.net' }), urlWith({ host: 'a-pooler.corp.net' })],
    [
      'keeps the password',
      urlWith({ login: 'u:x-pooler.neon.tech' }),
      urlWith({ login: 'u:x-pooler.neon.tech' })
    ],
    ['keeps the database', 'postgres://h/x-pooler.neon.tech', 'postgres://h/x-pooler.neon.tech'],
    ['keeps what is not a URL', POOLED, POOLED]
  ]
  for (const [title, href, expected] of rows) t.equal(deriveDirectUrl(href), expected, title)
})

t.test('the pooled endpoint of a local Neon', async t => {
  const local = (query: string) => `postgresql://u:p@127.0.0.1:54320/db?${query}`

  t.test('has a direct URL without -pooler', async t => {
    for (const [pooled, direct] of [
      ['options=endpoint%3Dep-local-pooler', 'options=endpoint%3Dep-local'],
      ['options=endpoint=ep-local-pooler&sslmode=require', 'options=endpoint=ep-local&sslmode=require'],
      ['options=-c%20a=b%20endpoint%3Dep-local-pooler', 'options=-c%20a=b%20endpoint%3Dep-local'],
      ['a=b&options=endpoint%3Dep-local-pooler-pooler', 'a=b&options=endpoint%3Dep-local']
    ]) {
      t.equal(deriveDirectUrl(local(pooled ?? '')), local(direct ?? ''))
    }
  })

  t.test('is not looked for where it is another word, or elsewhere', async t => {
    for (const query of ['options=endpoint%3Dep-pooler-local', 'application_name=endpoint%3Dep-pooler']) {
      t.equal(deriveDirectUrl(local(query)), local(query))
    }
    const elsewhere = 'postgresql://u:p@db.example.com/db?options=endpoint%3Dep-local-pooler'
    t.equal(deriveDirectUrl(elsewhere), elsewhere)
  })

  t.test('counts as pooled', async t => {
    for (const [query, isPooled] of [
      ['options=endpoint%3Dep-local-pooler', true],
      ['options=endpoint%3Dep-local', false],
      ['sslmode=require', false]
    ] as const) {
      t.equal(verifyConnectionUrl(local(query)).connection?.isPooled, isPooled, query)
    }
  })
})
