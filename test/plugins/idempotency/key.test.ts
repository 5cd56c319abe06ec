import fc from 'fast-check'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { fingerprintOf, parseIdempotencyKey } from '../../../src/plugins/idempotency/key.ts'

t.test('an Idempotency-Key', async t => {
  t.test('is a string in quotes, or what many clients send without them', async t => {
    t.equal(
      parseIdempotencyKey('"8e03978e-40d5-43dd-bc93-6894a57f9324"'),
      '8e03978e-40d5-43dd-bc93-6894a57f9324'
    )
    t.equal(
      parseIdempotencyKey('8e03978e-40d5-43dd-bc93-6894a57f9324'),
      '8e03978e-40d5-43dd-bc93-6894a57f9324'
    )
    t.equal(parseIdempotencyKey('"two words, and a comma"'), 'two words, and a comma')
    t.equal(parseIdempotencyKey(`"${'x'.repeat(255)}"`).length, 255)
  })

  t.test('has its quotes and backslashes escaped', async () => {
    const printable = fc.string({
      unit: fc.constantFrom(...` !"#'(),;=?\\]~aZ9`),
      minLength: 1,
      maxLength: 255
    })
    fc.assert(
      fc.property(
        printable,
        key => parseIdempotencyKey(`"${key.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`) === key
      )
    )
  })

  for (const [title, header] of Object.entries({
    'an empty header': '',
    'an empty string': '""',
    'half a string': '"abc',
    'a string with a quote in it': '"a"b"',
    'a string with parameters': '"abc";a=1',
    'two headers, which come joined': '"abc", "abc"',
    'more than 255 characters': 'x'.repeat(256),
    'another alphabet': '"schlüssel"',
    'a control character': '"a\tb"'
  })) {
    t.test(`is not ${title}`, async t => {
      t.throws(() => parseIdempotencyKey(header), { code: 'APP_IDEMPOTENCY_KEY_INVALID', statusCode: 400 })
    })
  }

  t.test('is any header or refused, and never anything else', async () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.array(fc.string())), header => {
        try {
          return /^[\x20-\x7e]{1,255}$/.test(parseIdempotencyKey(header))
        } catch (error) {
          return error instanceof Error && 'code' in error && error.code === 'APP_IDEMPOTENCY_KEY_INVALID'
        }
      })
    )
  })
})

t.test('the fingerprint of a request', async t => {
  const fingerprint = (headers: object) =>
    fingerprintOf({ method: 'PATCH', url: '/tasks/1', body: { done: true }, headers } as FastifyRequest)

  t.test('tells conditions apart', async t => {
    const all = [{}, { 'if-match': '"1"' }, { 'if-match': '"2"' }, { 'if-match': '' }].map(fingerprint)

    t.equal(new Set(all).size, all.length)
  })

  t.test('goes by no other header', async t => {
    t.equal(fingerprint({ 'user-agent': 'a' }), fingerprint({}))
  })
})
