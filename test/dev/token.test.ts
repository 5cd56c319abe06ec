import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import { runToken } from '../../dev/token-command.ts'
import { openIssuer } from '../../dev/token-issuer.ts'
import { runProgram } from '../support/processes.ts'

const HOUR_S = 60 * 60

t.test('the token command', async t => {
  t.test('prints a token for a user, signed with the key that .env names, as npm run dev does', async t => {
    const cwd = t.testdir({ '.env': 'LOCAL_NEON_DIRECTORY=keys\n' })
    const { ended, output } = runProgram(t, 'dev/token.ts', { args: ['alice'], cwd })

    t.equal(await ended, 0)
    const keys = createLocalJWKSet(JSON.parse(readFileSync(join(cwd, 'keys', 'issuer-jwks.json'), 'utf8')))
    const { payload } = await jwtVerify(output().trim(), keys, {
      issuer: 'urn:fastify-neon:development',
      audience: 'fastify-neon'
    })
    t.equal(payload.sub, 'alice')
    t.equal(Number(payload.exp) - Number(payload.iat), 8 * HOUR_S)
  })

  t.test('takes a lifetime', async t => {
    const { code, printed } = await run(t, 'alice', '--lifetime', '30m')

    const { iat, exp } = decodeJwt(printed)
    t.equal(code, 0)
    t.equal(Number(exp) - Number(iat), HOUR_S / 2)
  })

  t.test('explains itself, also where it is asked wrongly, and then prints no token', async t => {
    const usage = /^npm run -s token -- SUBJECT \[options]\n[\s\S]*--lifetime TIME/m

    t.match(await run(t, '--help'), { code: 0, printed: usage, complaint: '' })
    for (const [args, reason] of [
      [[], 'for whom?'],
      [[''], 'for whom?'],
      [['alice', 'bob'], 'for whom?'],
      [['--user', 'alice'], "Unknown option '--user'"],
      [['alice', '--lifetime', 'long'], 'Invalid time period format']
    ] as const) {
      const { code, printed, complaint } = await run(t, ...args)
      t.strictSame([code, printed], [2, ''], args.join(' '))
      t.match(complaint, usage)
      t.ok(complaint.startsWith(reason), complaint)
    }
  })
})

/** In this process. */
async function run(t: Test, ...args: string[]) {
  const told = { printed: '', complaint: '' }
  const code = await runToken(args, {
    env: { LOCAL_NEON_DIRECTORY: t.testdir({}) },
    output: {
      write(text: string) {
        told.printed += text
        return true
      }
    },
    errors: {
      write(text: string) {
        told.complaint += text
        return true
      }
    }
  })
  return { code, ...told }
}

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
