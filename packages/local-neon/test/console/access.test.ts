/**
 * What another web page tries, and what is answered: a browser adds these headers, and no script can leave them out.
 */
import t from 'tap'
import { consoleToken } from '../../src/console/access.ts'
import { openFakeControl, statusOf, TOKEN } from '../fixtures/control.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const MINE = { authorization: `Bearer ${TOKEN}` }

t.test('the control interface', async t => {
  const { port, calls } = await openFakeControl(t)
  const own = { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' }
  const suspend = { method: 'POST', path: '/suspend', ...JSON_TYPE, 'content-length': '0' }

  t.test('refuses', async t => {
    const refused: Record<string, [number, Record<string, string>]> = {
      'a page of the internet': [403, { ...suspend, origin: 'https://example.com' }],
      'a page of the internet that has the token': [
        403,
        { ...suspend, ...MINE, origin: 'https://example.com' }
      ],
      'a page without an origin, such as a file': [403, { ...suspend, ...MINE, origin: 'null' }],
      'a page of another port of this machine': [
        403,
        { ...suspend, ...MINE, origin: 'http://127.0.0.1:3000' }
      ],
      'a page of the other name of this machine': [
        403,
        { ...suspend, ...MINE, origin: `http://localhost:${port}` }
      ],
      'a name that leads to this machine': [403, { ...suspend, ...MINE, host: 'rebound.example' }],
      'its own page under such a name': [
        403,
        { ...suspend, ...MINE, host: `rebound.example:${port}`, origin: `http://rebound.example:${port}` }
      ],
      'a name that begins like this machine': [403, { ...suspend, ...MINE, host: '127.0.0.1.example' }],
      'an image of another page': [403, { path: '/', 'sec-fetch-site': 'cross-site' }],
      'a frame of another page on this machine': [403, { path: '/events', 'sec-fetch-site': 'same-site' }],
      'an address that a person types': [401, { path: '/', 'sec-fetch-site': 'none' }],
      'its own page without a token': [401, { ...suspend, ...own }],
      'its own page with another token': [401, { ...suspend, ...own, authorization: `Bearer ${TOKEN}x` }],
      'its own page with a token as a password': [
        401,
        { ...suspend, ...own, authorization: `Basic ${TOKEN}` }
      ],
      'a program without a token that wants to see statements': [401, { path: '/view' }],
      'what an old browser sends of a form': [
        415,
        { ...suspend, 'content-type': 'text/plain', 'content-length': '1' }
      ],
      'the question of a browser whether another page may ask': [
        403,
        {
          ...suspend,
          method: 'OPTIONS',
          origin: 'https://example.com',
          'access-control-request-method': 'POST'
        }
      ]
    }
    for (const [who, [status, headers]] of Object.entries(refused)) {
      t.test(who, async t => {
        t.equal(await statusOf(port, headers), status)
        t.strictSame(calls, [])
      })
    }
  })

  t.test('serves its own page with the token, and programs without', async t => {
    t.equal(await statusOf(port, { ...suspend, ...own, ...MINE }), 200)
    t.equal(await statusOf(port, suspend), 200)
    t.strictSame(calls, ['suspend', 'suspend'])
  })

  t.test('gives no other page leave to read an answer', async t => {
    const response = await fetch(`http://127.0.0.1:${port}/`)

    const headers = [...response.headers.keys()]
    t.strictSame(
      headers.filter(name => name.startsWith('access-control-')),
      []
    )
  })
})

t.test('the token is the same for the same password, and tells nothing of it', async t => {
  const token = consoleToken('a password')

  t.equal(consoleToken('a password'), token)
  t.not(consoleToken('another one'), token)
  t.match(token, /^[\w-]{43}$/)
})
