import t from 'tap'
import { type Route, routeOf } from '../../src/proxy/routing.ts'

const ENDPOINTS = ['ep-first', 'ep-second'] as const
const NOT_FOUND = 'Control plane request failed: endpoint cannot be found'

t.test('the way to an endpoint', async t => {
  const rows: [string | undefined, string | undefined, Route][] = [
    [undefined, undefined, { endpoint: 'ep-first', isPooled: false }],
    ['', undefined, { endpoint: 'ep-first', isPooled: false }],
    ['localhost', undefined, { endpoint: 'ep-first', isPooled: false }],
    ['127.0.0.1', undefined, { endpoint: 'ep-first', isPooled: false }],
    ['[::1]', undefined, { endpoint: 'ep-first', isPooled: false }],
    ['127.0.0.1', 'ep-second', { endpoint: 'ep-second', isPooled: false }],
    [undefined, 'ep-second-pooler', { endpoint: 'ep-second', isPooled: true }],
    ['ep-second.localhost', undefined, { endpoint: 'ep-second', isPooled: false }],
    ['EP-Second-Pooler.c-2.us-east-2.aws.neon.tech.', undefined, { endpoint: 'ep-second', isPooled: true }],
    ['ep-second.localhost', 'ep-second', { endpoint: 'ep-second', isPooled: false }]
  ]
  for (const [host, option, route] of rows) {
    t.test(`leads from ${host} and ${option} to ${route.endpoint}`, async t => {
      t.strictSame(routeOf({ host, option, endpoints: ENDPOINTS }), route)
    })
  }

  t.test('does not exist for an endpoint that nobody has', async t => {
    for (const [host, option] of [
      ['ep-none.localhost', undefined],
      [undefined, 'ep-none']
    ]) {
      t.throws(() => routeOf({ host, option, endpoints: ENDPOINTS }), { message: NOT_FOUND })
    }
  })

  t.test('does not exist when host and option disagree, by the suffix alone as well', async t => {
    const request = { host: 'ep-first-pooler.localhost', option: 'ep-first', endpoints: ENDPOINTS }

    t.throws(() => routeOf(request), {
      message:
        "Inconsistent project name inferred from SNI ('ep-first-pooler') and project option ('ep-first')."
    })
  })
})
