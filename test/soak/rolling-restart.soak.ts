/**
 * Three processes are replaced one by one under load, behind a proxy that asks only `/readyz` whom to trust.
 */
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import autocannon from 'autocannon'
import t, { type Test } from 'tap'
import { openIssuer } from '../../dev/token-issuer.ts'
import { NO_LIMIT, until } from '../support/app.ts'
import { createDatabase } from '../support/postgres.ts'
import { runProgram } from '../support/processes.ts'

const POLL_MS = 50
// Ten polls: who is asked to stop is out of the proxy's list long before it closes.
const DRAIN_DELAY_MS = 500

interface Replica {
  url: string
  isReady: boolean
  served: number
}

/** Round robin over those who are ready. */
async function startProxy(t: Test) {
  const replicas = new Set<Replica>()
  const agent = new Agent({ keepAlive: true })
  let turn = 0
  const server = createServer(pass).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = new AbortController()
  const polling = poll()
  t.teardown(async () => {
    stop.abort()
    await polling
    agent.destroy()
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return { replicas, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}` }

  async function poll() {
    while (!stop.signal.aborted) {
      await Promise.all(
        [...replicas].map(async replica => {
          replica.isReady = await fetch(`${replica.url}/readyz`, { signal: stop.signal }).then(
            ({ status }) => status === 200,
            () => false
          )
        })
      )
      await sleep(POLL_MS, undefined, { signal: stop.signal }).catch(() => {})
    }
  }

  function pass(incoming: IncomingMessage, outgoing: ServerResponse) {
    const ready = [...replicas].filter(({ isReady }) => isReady)
    const replica = ready[turn++ % ready.length]
    if (replica === undefined) {
      outgoing.writeHead(502).end()
      return
    }
    replica.served += 1
    const { method = 'GET', url: path = '/', headers } = incoming
    const onward = request(`${replica.url}${path}`, { method, headers, agent }, answer => {
      const { connection: _hop, ...rest } = answer.headers
      outgoing.writeHead(answer.statusCode ?? 502, rest)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.writeHead(502).end())
    incoming.pipe(onward)
  }
}

/** Requests until it is told to stop. */
function startLoad(options: autocannon.Options) {
  let stop = () => {}
  const result = new Promise<autocannon.Result>((resolve, reject) => {
    const load = autocannon(options, (error, outcome) => (error ? reject(error) : resolve(outcome)))
    stop = () => load.stop?.()
  })
  return { result, stop: () => stop() }
}

t.test('a rolling restart of three processes under load', async t => {
  t.test('fails no request', async t => {
    const databaseUrl = await createDatabase(t)
    const issuer = await openIssuer(t.testdir({}))
    const { replicas, url } = await startProxy(t)
    const start = async () => {
      const program = runProgram(t, 'src/server.ts', {
        env: {
          ...issuer.settings,
          ...NO_LIMIT,
          PORT: '0',
          DATABASE_URL: databaseUrl,
          DATABASE_POOL_MAX: '4',
          LOG_LEVEL: 'info',
          DRAIN_DELAY_MS: `${DRAIN_DELAY_MS}`
        }
      })
      const replica: Replica = {
        url: await program.said(/Server listening at (http:[^"]+)/),
        isReady: false,
        served: 0
      }
      replicas.add(replica)
      await until(() => replica.isReady)
      return { ...program, replica }
    }
    const old = await Promise.all([start(), start(), start()])
    const headers = { authorization: `Bearer ${await issuer.sign('alice', '1h')}` }
    const load = startLoad({
      url,
      connections: 10,
      // A part of what they could serve: what all that they can costs is no matter here.
      overallRate: 400,
      duration: 300,
      requests: [
        { method: 'GET', path: '/tasks', headers },
        {
          method: 'POST',
          path: '/tasks',
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify({ title: 'in a rolling restart' })
        }
      ]
    })
    t.teardown(() => load.stop())

    for (const { child, ended, replica } of old) {
      await until(() => replica.served > 100)
      const next = await start()
      child.kill('SIGTERM')
      t.equal(await ended, 0)
      replicas.delete(replica)
      await until(() => next.replica.served > 100)
    }
    load.stop()
    const result = await load.result

    t.match(result, { errors: 0, timeouts: 0, non2xx: 0 })
    t.ok(result['2xx'] > 600, `${result['2xx']} requests`)
    t.equal(replicas.size, 3)
  })
})
