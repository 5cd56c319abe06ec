import t from 'tap'
import { createVerifiedTokens } from '../../../src/plugins/auth/verified-tokens.ts'

const verified = { subject: 'alice', header: { alg: 'ES256' }, key: {}, expiresAt: 1, validFrom: 0 }

t.test('verified tokens are kept up to a number, and those that were added first are forgotten', async t => {
  const tokens = createVerifiedTokens(2)
  for (const token of ['one', 'two', 'three']) tokens.add(token, verified)

  t.equal(tokens.get('one'), undefined)
  t.equal(tokens.get('two'), verified)
  tokens.delete('two')
  t.equal(tokens.get('two'), undefined)
  t.equal(tokens.get('three'), verified)
})
