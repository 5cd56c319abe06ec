import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { createAccess } from '../../src/plugins/operator-access.ts'

const TOKEN = 'a-token-of-operators'
const request = (authorization?: string) => ({ headers: { authorization } }) as unknown as FastifyRequest

t.test('an operator', async t => {
  t.test('is nobody, when nothing says who', async t => {
    t.equal(await createAccess({})(request(`Bearer ${TOKEN}`)), false)
  })

  t.test('is who has the token', async t => {
    const isOperator = createAccess({ token: TOKEN })

    t.equal(await isOperator(request(`Bearer ${TOKEN}`)), true)
    for (const wrong of [
      undefined,
      '',
      TOKEN,
      'Bearer',
      `Bearer ${TOKEN}x`,
      `Basic ${TOKEN}`,
      `Bearer ${TOKEN} `
    ])
      t.equal(await isOperator(request(wrong)), false, `${wrong}`)
  })

  t.test('is who the application says, by true alone', async t => {
    const say = (authorize: () => unknown) =>
      createAccess({ authorize: authorize as () => boolean })(request())

    t.equal(await say(() => true), true)
    t.equal(await say(async () => true), true)
    t.equal(await say(() => 'yes'), false)
    t.equal(await say(() => Promise.reject(new Error('no'))), false)
    t.equal(
      await say(() => {
        throw new Error('no')
      }),
      false
    )
    t.equal(await say(() => new Promise(() => {})), false, 'within a second')
  })
})
