import t from 'tap'
import { build } from '../../support/app.ts'

const PROMISED = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store'
}

t.test('every answer is for nobody to keep, embed or run', async t => {
  const { app, as } = await build(t)
  const alice = as('alice')
  const { body: task } = await alice('POST', '/tasks', { title: 'x' })
  const known = { 'if-none-match': '"1"' }

  const answers = [
    await alice('GET', '/tasks'),
    await alice('GET', `/tasks/${task.id}`),
    await alice('GET', `/tasks/${task.id}`, undefined, known),
    await alice('POST', '/tasks', {}),
    await alice('DELETE', `/tasks/${task.id}`),
    await alice('GET', `/tasks/${task.id}`),
    await alice('GET', '/nowhere')
  ]
  const { statusCode: status, headers } = await app.inject('/tasks')

  t.strictSame(
    [...answers, { status }].map(answer => answer.status),
    [200, 200, 304, 400, 204, 404, 404, 401]
  )
  for (const answer of [...answers, { status, headers }])
    t.match(answer.headers, PROMISED, `${answer.status}`)
})

t.test('probes are kept by nobody either', async t => {
  const { app } = await build(t)

  const { headers } = await app.inject('/livez')

  t.match(headers, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
})
