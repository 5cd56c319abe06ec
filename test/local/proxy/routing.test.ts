import t from 'tap'
import { routeOf } from '../../../src/local/proxy/routing.ts'

const ENDPOINTS = ['ep-first', 'ep-second']
const NOT_FOUND = 'Control plane request failed: endpoint cannot be found'

t.test('the way to an endpoint', async t => {
  for (const [host, option, endpoint, isPooled] of [
    [undefined, undefined, 'ep-first', false],
    ['', undefined, 'ep-first', false],
    ['localhost', undefined, 'ep-first', false],
    ['LOCALHOST.', undefined, 'ep-first', false],
    ['127.0.0.1', undefined, 'ep-first', false],
    ['::1', undefined, 'ep-first', false],
    ['[::1]', undefined, 'ep-first', false],
    ['localhost', 'ep-second', 'ep-second', false],
    ['127.0.0.1', 'ep-second-pooler', 'ep-second', true],
    [undefined, 'ep-first-pooler', 'ep-first', true],
    ['ep-first.localhost', undefined, 'ep-first', false],
    ['ep-second', undefined, 'ep-second', false],
    ['EP-Second.eu-central-1.aws.neon.tech', undefined, 'ep-second', false],
    ['ep-second.localhost.', undefined, 'ep-second', false],
    ['ep-second-pooler.eu-central-1.aws.neon.tech', undefined, 'ep-second', true],
    ['ep-second-pooler.localhost', 'ep-second-pooler', 'ep-second', true],
    ['ep-second.localhost', 'ep-second', 'ep-second', false]
  ] as const) {
    t.test(`is ${endpoint}${isPooled ? ', pooled,' : ''} for host ${host} and option ${option}`, async t => {
      t.strictSame(routeOf({ host, option, endpoints: ENDPOINTS }), { endpoint, isPooled })
    })
  }

  for (const [host, option, message] of [
    ['ep-third.localhost', undefined, NOT_FOUND],
    [undefined, 'ep-third', NOT_FOUND],
    [undefined, '', NOT_FOUND],
    ['ep-third-pooler.localhost', undefined, NOT_FOUND],
    ['.localhost', undefined, NOT_FOUND],
    [
      'ep-first.localhost',
      'ep-second',
      "Inconsistent project name inferred from SNI ('ep-first') and project option ('ep-second')."
    ],
    [
      'ep-first-pooler.localhost',
      'ep-first',
      "Inconsistent project name inferred from SNI ('ep-first-pooler') and project option ('ep-first')."
    ]
  ] as const) {
    t.test(`is refused for host ${host} and option ${option}`, async t => {
      t.throws(() => routeOf({ host, option, endpoints: ENDPOINTS }), { name: 'Refusal', message })
    })
  }

  t.test('is refused where there is no endpoint', async t => {
    t.throws(() => routeOf({ host: 'ep-first.localhost', option: undefined, endpoints: [] }), {
      name: 'Refusal'
    })
  })
})
