import tls from 'node:tls'
import { neonConfig } from '@neondatabase/serverless'
import t, { type Test } from 'tap'
import { createCertificates } from '../../packages/local-neon/src/proxy/certificates.ts'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import { cutOff, expectRefused, openFront, said, watchCauses, writeKeyed } from './support/front.ts'
import { PATIENT, scenario } from './support/scenario.ts'

const DAY_MS = 86_400_000

// Of a clock that is ahead of the one of the client.
const future = await createCertificates({ now: new Date(Date.now() + 2 * DAY_MS) })
const certificates = await createCertificates()
const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0, suspendAfterMs: 0, tls: 'required' })
const front = await openFront(t, neon)
const databaseUrl = front.through
trust(t, [neon.ca?.pem ?? '', certificates.ca, future.ca])

/** As NODE_EXTRA_CA_CERTS does, which is read at the start of a process alone. */
function trust(t: Test, ca: string[]) {
  const { createSecureContext } = tls
  t.teardown(() => Object.assign(tls, { createSecureContext }))
  Object.assign(tls, {
    createSecureContext: (options: tls.SecureContextOptions) => createSecureContext({ ...options, ca })
  })
}

scenario(t, 'a certificate', { neon, databaseUrl, limits: PATIENT }, async (t, service) => {
  for (const [title, certificate, causeCode] of [
    ['of a stranger', certificates.context('untrusted'), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['that has expired', certificates.context('expired'), 'CERT_HAS_EXPIRED'],
    ['that is not valid yet', future.context('none'), 'CERT_NOT_YET_VALID'],
    ['of another host', certificates.context('wrong-name'), 'ERR_TLS_CERT_ALTNAME_INVALID']
  ] as const) {
    await t.test(`${title} is refused, and named in the log`, async t => {
      await cutOff(service, front, { tls: certificate })

      await expectRefused(t, service, front, { causeCode })

      front.heal()
      await service.recover()
    })
  }
})

scenario(
  t,
  'a server that speaks no TLS from 1.2 on',
  { neon, databaseUrl, limits: { connectTimeoutMs: 1500 } },
  async (t, service) => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await cutOff(service, front, { tls: { ...certificates.context('none'), ...old } })

    const causes = watchCauses(service)

    t.match(await writeKeyed(service), { status: 503, code: 'FST_NEON_UNREACHABLE', outcome: 'failed' })

    // With pauses of at least 50, 100, 200, 400 and 800 ms.
    t.ok(front.answered <= 6, `${front.answered} tries`)
    t.equal(said(service, 'database not reached').length, 1)
    t.ok(causes.has('EPROTO') || [...causes].some(code => code.startsWith('ERR_SSL_')), [...causes].join(' '))
    front.heal()
  }
)

scenario(
  t,
  'a check of certificates that is switched off',
  { neon, databaseUrl, limits: PATIENT },
  async (t, service) => {
    const { NODE_TLS_REJECT_UNAUTHORIZED: before } = process.env
    t.teardown(() => {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
    })
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    await cutOff(service, front, { tls: certificates.context('untrusted') })

    await expectRefused(t, service, front, { causeCode: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })

    front.heal()
  }
)

scenario(
  t,
  'a driver that is told to do without TLS',
  { neon, databaseUrl, limits: PATIENT },
  async (t, service) => {
    const { useSecureWebSocket } = neonConfig
    t.teardown(() => Object.assign(neonConfig, { useSecureWebSocket }))
    neonConfig.useSecureWebSocket = false
    await cutOff(service, front, 'reset', 1)

    t.match(await writeKeyed(service), { status: 201 }, 'at a server that takes nobody without')
  }
)

scenario(
  t,
  'a handshake of TLS that is not answered',
  { neon, databaseUrl, limits: { connectTimeoutMs: 600 }, atBoot: () => front.answer('silence') },
  async (t, service) => {
    const answer = await writeKeyed(service)

    t.match(answer, { status: 503, code: 'FST_NEON_UNREACHABLE', outcome: 'failed' })
    t.match(answer.headers?.get('retry-after'), /^[123]$/)
    t.equal(said(service, 'database not reached').length, 1)
    t.match(await service.send('kubelet', 'GET', '/readyz'), { status: 503, body: { status: 'unavailable' } })
    front.heal()
    await until(() => service.stats().connects > 0)
  }
)
