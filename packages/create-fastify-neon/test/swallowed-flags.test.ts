/**
 * `npm create fastify-neon my-app --no-frontend` does what it says, although npm keeps the option for itself.
 */
import t from 'tap'
import { swallowedFlags } from '../src/cli/swallowed-flags.ts'

t.test('swallowedFlags', async t => {
  t.strictSame(swallowedFlags({ npm_config_frontend: '', npm_config_install: '', npm_config_yes: '' }), [
    '--no-frontend',
    '--no-install'
  ])
  t.strictSame(swallowedFlags({ npm_config_frontend: 'true', PATH: '' }), [])
})
