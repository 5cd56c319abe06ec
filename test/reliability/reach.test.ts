import dns from 'node:dns'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { listen } from '../../packages/local-neon/src/listen.ts'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import {
  cutOff,
  expectRefused,
  openFront,
  said,
  upgradeAnswer,
  watchCauses,
  writeKeyed
} from './support/front.ts'
import { PATIENT, scenario } from './support/scenario.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0, suspendAfterMs: 0 })
const front = await openFront(t, neon)
const databaseUrl = front.through

// A third of it is for the handshake.
const limits = { connectTimeoutMs: 900 }

// Its first label names the endpoint, as on Neon.
const HOST = 'ep-local.localhost'
// RFC 5737: for documentation, so that nobody has it.
const NOBODY = '192.0.2.1'

function expectUnreachable(t: Test, answer: Awaited<ReturnType<typeof writeKeyed>>) {
  t.match(answer, { status: 503, code: 'FST_NEON_UNREACHABLE', outcome: 'failed' })
  t.match(answer.headers?.get('retry-after'), /^[123]$/)
}

type Lookup = 'right' | 'never' | 'ENOTFOUND' | 'EAI_AGAIN' | typeof NOBODY

/** In place of the resolver of this process, for HOST alone. */
function resolver(t: Test) {
  const { lookup } = dns
  let answer: Lookup = 'right'
  let asked = 0
  const replacement = (host: string, options: dns.LookupOptions, done: (...result: unknown[]) => void) => {
    if (host !== HOST) return Reflect.apply(lookup, dns, [host, options, done])
    asked += 1
    if (answer === 'never') return
    if (answer === 'ENOTFOUND' || answer === 'EAI_AGAIN') {
      const error = new Error(`getaddrinfo ${answer} ${HOST}`)
      return done(Object.assign(error, { code: answer, syscall: 'getaddrinfo', hostname: HOST }))
    }
    const address = answer === 'right' ? '127.0.0.1' : answer
    if (options.all) done(null, [{ address, family: 4 }])
    else done(null, address, 4)
  }
  t.teardown(() => Object.assign(dns, { lookup }))
  Object.assign(dns, { lookup: replacement })
  return {
    set(next: Lookup) {
      answer = next
      asked = 0
    },
    get asked() {
      return asked
    }
  }
}

t.test('the name of the host', async t => {
  const names = resolver(t)
  const byName = (url: string) => Object.assign(new URL(url), { hostname: HOST }).href

  await scenario(t, 'looked up in vain', { neon, databaseUrl: byName, limits }, async (t, service) => {
    for (const lookup of ['ENOTFOUND', 'EAI_AGAIN', 'never', NOBODY] as const) {
      await t.test(`is answered with ${lookup}`, async t => {
        names.set(lookup)
        const causes = watchCauses(service)
        service.logs.length = 0
        // Health may have been connecting, to look at the migrations again.
        await until(async () => {
          await neon.killBackends()
          return service.stats().total === 0
        })

        expectUnreachable(t, await writeKeyed(service))

        t.ok(names.asked > 0 && names.asked <= 5, `${names.asked} lookups`)
        t.equal(said(service, 'database not reached').length, 1)
        if (lookup.startsWith('E')) t.ok(causes.has(lookup))
        names.set('right')
        await service.recover()
      })
    }
  })
})

scenario(t, 'a peer that does not do its part', { neon, databaseUrl, limits }, async (t, service) => {
  for (const [title, answer] of [
    ['takes the connection and does not answer the upgrade', 'silence'],
    ['opens the WebSocket and says no more', { login: 'silence' }],
    ['resets each connection', 'reset'],
    ['is a gateway without a server (502)', upgradeAnswer(502)],
    ['asks for fewer connections (429)', upgradeAnswer(429)],
    ['answers with a page', upgradeAnswer(200, { 'content-type': 'text/html' }, '<h1>Sign in</h1>')]
  ] as const) {
    await t.test(`that ${title} is tried a few times within the wait`, async t => {
      await cutOff(service, front, answer)

      expectUnreachable(t, await writeKeyed(service))

      // With pauses of at least 50, 100, 200 and 400 ms.
      t.ok(front.answered > 0 && front.answered <= 5, `${front.answered} tries`)
      t.equal(said(service, 'database not reached').length, 1)
      t.match(await service.send('kubelet', 'GET', '/readyz'), { status: 200, body: { status: 'degraded' } })
      await until(() => front.open === 0)
      front.heal()
      await service.recover()
    })
  }
})

const DEAF = `
  const { createServer, connect } = require('node:net')
  const { parentPort, workerData: { port, heals } } = require('node:worker_threads')
  const server = createServer(socket => {
    const upstream = connect(port, '127.0.0.1').on('error', () => {}).on('close', () => socket.destroy())
    socket.on('error', () => {}).on('close', () => upstream.destroy()).pipe(upstream).pipe(socket)
  })
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(heals, 0, 0)
  })`

/** Takes no connection, and the queue of those that wait for it is full, so that a SYN is not answered. */
async function openDeafPeer(t: Test) {
  const heals = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(DEAF, { eval: true, workerData: { port: neon.port, heals } })
  t.teardown(() => worker.terminate())
  const [port]: number[] = await once(worker, 'message')
  const queue = Array.from({ length: 2 }, () => connect(Number(port), '127.0.0.1').on('error', () => {}))
  t.teardown(() => queue.map(socket => socket.destroy()))
  await Promise.all(queue.map(socket => once(socket, 'connect')))
  return {
    through: (url: string) => Object.assign(new URL(url), { port: String(port) }).href,
    heal() {
      Atomics.store(heals, 0, 1)
      Atomics.notify(heals, 0)
    }
  }
}

t.test('a host that answers no SYN', async t => {
  const peer = await openDeafPeer(t)

  await scenario(
    t,
    'until it does',
    { neon, databaseUrl: peer.through, limits, atBoot: () => {} },
    async (t, service) => {
      expectUnreachable(t, await writeKeyed(service))

      t.equal(said(service, 'database not reached').length, 1)
      t.match(await service.send('kubelet', 'GET', '/readyz'), {
        status: 503,
        body: { status: 'unavailable' }
      })
      peer.heal()
    }
  )
})

scenario(t, 'nobody who listens', { neon, databaseUrl, limits }, async (t, service) => {
  const causes = watchCauses(service)
  front.shut()
  await until(() => service.stats().total === 0)

  expectUnreachable(t, await writeKeyed(service))

  t.match(said(service, 'database not reached'), [{ level: 40 }])
  t.ok(causes.has('ECONNREFUSED'))
  await front.listen()
})

for (const status of [503, 504]) {
  scenario(
    t,
    `an upgrade that is answered with ${status} once`,
    { neon, databaseUrl, limits: PATIENT },
    async (t, service) => {
      await cutOff(service, front, upgradeAnswer(status), 1)

      t.match(await writeKeyed(service), { status: 201 }, 'whoever waited does not notice')

      t.match(service.stats(), { connectRetries: 1, connectFailures: 0 })
    }
  )
}

t.test('an upgrade that is refused', async t => {
  let redirected = 0
  const elsewhere = createServer((_request, response) => {
    redirected += 1
    response.end()
  }).on('upgrade', (_request, socket) => {
    redirected += 1
    socket.end()
  })
  const { port } = await listen(elsewhere, 0)
  t.teardown(() => elsewhere.close())

  await scenario(t, 'for good', { neon, databaseUrl, limits: PATIENT }, async (t, service) => {
    for (const [status, headers] of [
      [401, {}],
      [404, {}],
      [302, { location: `ws://127.0.0.1:${port}/v2` }]
    ] as const) {
      await t.test(`with ${status} is tried once for all who wait`, async t => {
        await cutOff(service, front, upgradeAnswer(status, headers))

        await expectRefused(t, service, front, { reason: 'upgrade-refused' })
        front.heal()
        await service.recover()
      })
    }
    t.equal(redirected, 0, 'no redirect is followed')
  })
})
