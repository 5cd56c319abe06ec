import t from 'tap'
import {
  inconsistentEndpoints,
  missingParameter,
  passwordFailed,
  REFUSALS,
  Refusal
} from '../../src/proxy/refusals.ts'

t.test('a refusal', async t => {
  t.test("is in Neon's words, which its clients look for", async t => {
    t.equal(REFUSALS['compute-unreachable'], "Couldn't connect to compute node")
    t.ok(REFUSALS['endpoint-disabled'].startsWith(REFUSALS['control-plane']))
    t.ok(REFUSALS['quota-exceeded'].startsWith(REFUSALS['control-plane']))
  })

  t.test('names who and what is meant', async t => {
    t.equal(passwordFailed('alex'), "password authentication failed for user 'alex'")
    t.equal(missingParameter('user'), "Parameter 'user' is missing in startup packet.")
    t.equal(
      inconsistentEndpoints('ep-a', 'ep-b'),
      "Inconsistent project name inferred from SNI ('ep-a') and project option ('ep-b')."
    )
  })

  t.test('is an error that the proxy knows for its own', async t => {
    t.match(new Refusal('no'), { name: 'Refusal', message: 'no' })
  })
})
