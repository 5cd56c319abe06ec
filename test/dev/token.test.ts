import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createLocalJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { openIssuer } from '../../dev/token-issuer.ts'
import { runProgram } from '../processes.ts'

t.test('the token command', async t => {
  t.test('prints a token for a user, signed with the key of this machine', async t => {
    const directory = t.testdir({})
    const { ended, output } = runProgram(t, 'dev/token.ts', {
      args: ['alice'],
      env: { LOCAL_NEON_DIRECTORY: directory }
    })

    t.equal(await ended, 0)
    const keys = createLocalJWKSet(JSON.parse(readFileSync(join(directory, 'issuer-jwks.json'), 'utf8')))
    const { payload } = await jwtVerify(output().trim(), keys, {
      issuer: 'urn:fastify-neon:development',
      audience: 'fastify-neon'
    })
    t.equal(payload.sub, 'alice')
  })

  t.test('takes the key that .env names, as npm run dev does', async t => {
    const cwd = t.testdir({ '.env': 'LOCAL_NEON_DIRECTORY=keys\n' })

    const { ended } = runProgram(t, 'dev/token.ts', { args: ['alice'], cwd })

    t.equal(await ended, 0)
    t.ok(statSync(join(cwd, 'keys', 'issuer-jwks.json')))
  })

  t.test('asks for whom', async t => {
    const { ended, output } = runProgram(t, 'dev/token.ts', {
      env: { LOCAL_NEON_DIRECTORY: t.testdir({}) }
    })

    t.equal(await ended, 1)
    t.equal(output(), 'for whom? npm run token -- alice\n')
  })
})

t.test('the development issuer', async t => {
  t.test('makes one key, however many ask at once, and keeps the private part to its owner', async t => {
    const directory = join(t.testdir({}), 'made', 'here')

    const issuers = await Promise.all([openIssuer(directory), openIssuer(directory), openIssuer(directory)])

    const jwks = JSON.parse(readFileSync(join(directory, 'issuer-jwks.json'), 'utf8'))
    for (const issuer of issuers) {
      t.ok(await jwtVerify(await issuer.sign('alice', '1h'), createLocalJWKSet(jwks)))
    }
    t.equal(jwks.keys.length, 1)
    t.notOk('d' in jwks.keys[0])
    t.equal(statSync(join(directory, 'issuer-key.json')).mode & 0o077, 0)
  })

  t.test('does not go on with a key file it cannot write', async t => {
    const directory = t.testdir({ 'issuer-key.json': '{"kty":"none"}' })

    await t.rejects(openIssuer(directory))
  })
})
