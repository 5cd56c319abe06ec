/**
 * A host that is gone without a FIN or a RST: a peer in a network namespace of its own, whose packets are dropped. Needs
 * root and iproute2.
 */
import { execFileSync, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import {
  type ConnectionUrl,
  verifiedUrl
} from '../../packages/fastify-neon/src/connection-string/connection-url.ts'
import {
  NeonPool,
  type NeonPoolOptions,
  POOL_DEFAULTS,
  type PoolEvent
} from '../../packages/fastify-neon/src/pool/pool.ts'
import { endWith, firstLine, isRoot } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import { NODE_ARGS } from '../support/processes.ts'

const PEER = new URL('answering-peer.ts', import.meta.url).pathname
const OUR_ADDRESS = '10.213.77.1'
const PEER_ADDRESS = '10.213.77.2'
// Keep-alive waits 5 s, and probes for 10 s.
const FOUND_WITHIN_MS = 30_000

t.setTimeout(300_000)

const reason = whyNot()

t.test('a host that is gone without a word', { skip: reason }, async t => {
  const network = await openNetwork(t)
  const idle = await openPool(t, network.port)
  const timed = await openPool(t, network.port, { statementTimeoutMs: 3000 })
  const long = await openPool(t, network.port, { statementTimeoutMs: 120_000 })
  for (const { pool } of [idle, timed, long]) await pool.query('select')
  const slow = outcomeOf(timed.pool.query("insert 'slow'"))
  const longer = outcomeOf(long.pool.query("insert 'slow'"))
  // So that the peer has acknowledged them.
  await sleep(500)

  const goneAt = performance.now()
  network.drop()
  await until(() => idle.count('idle-client-lost') === 1)
  const foundAfterMs = performance.now() - goneAt

  await t.test('is found within 30 s on an idle connection, which nobody gets', async t => {
    t.comment(`found after ${Math.round(foundAfterMs)} ms`)
    t.ok(foundAfterMs < FOUND_WITHIN_MS)
    t.equal(idle.pool.totalCount, 0)
  })

  await t.test('ends a statement at its deadline', async t => {
    const { error, afterMs } = await slow
    t.match(error, { message: /timeout/ })
    t.comment(`ended after ${Math.round(afterMs)} ms`)
    t.ok(afterMs < FOUND_WITHIN_MS)
    t.equal(timed.count('statement-unanswered'), 1)
  })

  await t.test('ends a statement of a later deadline by keep-alive', async t => {
    const { error, afterMs } = await longer
    t.comment(`ended after ${Math.round(afterMs)} ms`)
    t.ok(error instanceof Error)
    t.ok(afterMs < FOUND_WITHIN_MS)
    t.equal(long.count('checked-out-client-lost'), 1)
  })

  await t.test('and comes back serves everybody again, on new connections', async t => {
    network.restore()

    for (const { pool } of [idle, timed, long]) t.ok(await pool.query('select'))
  })

  await t.test('is found at a checkout, in place of the caller’s statement', async t => {
    await sleep(1100)
    network.drop()
    const query = idle.pool.query('select')
    await until(() => idle.count('idle-client-lost') === 2)
    network.restore()

    t.ok(await query)
  })
})

async function openPool(t: Test, port: string, limits: Partial<NeonPoolOptions> = {}) {
  // Without TLS, as on this machine, but by way of the cards.
  const url: ConnectionUrl = Object.create(verifiedUrl(`postgresql://u:p@127.0.0.1:${port}/d`, 'url'), {
    host: { value: PEER_ADDRESS }
  })
  const pool = new NeonPool({ ...POOL_DEFAULTS, applicationName: 'soak', max: 2, url, ...limits })
  t.teardown(() => pool.end())
  const events: PoolEvent[] = []
  pool.observe(event => events.push(event))
  return { pool, count: (type: PoolEvent['type']) => events.filter(event => event.type === type).length }
}

async function outcomeOf(query: Promise<unknown>) {
  const startedAt = performance.now()
  const error: unknown = await query.then(
    () => undefined,
    (reason: unknown) => reason
  )
  return { error, afterMs: performance.now() - startedAt }
}

/** A peer behind a pair of virtual cards. */
async function openNetwork(t: Test) {
  const name = `neon${process.pid}`
  ip('netns', 'add', name)
  t.teardown(() => ip('netns', 'del', name))
  ip('link', 'add', `${name}a`, 'type', 'veth', 'peer', 'name', `${name}b`, 'netns', name)
  ip('addr', 'add', `${OUR_ADDRESS}/30`, 'dev', `${name}a`)
  ip('link', 'set', `${name}a`, 'up')
  ip('-n', name, 'addr', 'add', `${PEER_ADDRESS}/30`, 'dev', `${name}b`)
  ip('-n', name, 'link', 'set', `${name}b`, 'up')
  const child = spawn('ip', ['netns', 'exec', name, process.execPath, ...NODE_ARGS, PEER], { stdio: 'pipe' })
  endWith(t, child)
  const port = await firstLine(child)
  return {
    port,
    /** All that it sends, acknowledgements too. */
    drop: () => ip('-n', name, 'route', 'add', 'blackhole', `${OUR_ADDRESS}/32`),
    restore: () => ip('-n', name, 'route', 'del', 'blackhole', `${OUR_ADDRESS}/32`)
  }
}

function ip(...args: string[]) {
  execFileSync('ip', args, { stdio: 'pipe' })
}

function whyNot(): string | false {
  if (!isRoot) return 'a network namespace needs root'
  try {
    ip('netns', 'add', `try${process.pid}`)
    ip('netns', 'del', `try${process.pid}`)
    return false
  } catch {
    return 'this machine makes no network namespaces'
  }
}
