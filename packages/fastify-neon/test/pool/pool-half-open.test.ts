import t, { type Test } from 'tap'
import { type RawData, WebSocket } from 'ws'
import { until } from '../../../../test/support/app.ts'
import { createDatabase } from '../../../../test/support/postgres.ts'
import type { NeonPoolOptions } from '../../src/pool/pool.ts'
import { kill, openPool, pidOf, take } from '../support/pools.ts'
import { AUTHENTICATED, answerWithoutRows, message, scriptedServer } from '../support/scripted-server.ts'

const READY = message('Z', [0x49])
// PostgreSQL, "Message Formats", ErrorResponse: severity and SQLSTATE.
const CANCELLED = message('E', [...Buffer.from('SERROR\0C57014\0'), 0])
// PostgreSQL, "Message Formats", BackendKeyData: without it nothing can be cancelled.
const CANCELLABLE = [
  ...AUTHENTICATED.slice(0, -READY.length),
  ...message('K', [0, 0, 0, 1, 0, 0, 0, 2]),
  ...READY
]
const POOLED = '?options=endpoint%3Dx-pooler'

interface Peer {
  url: string
  /** One for each connection. */
  sockets: WebSocket[]
  pings: () => number
  /** Syncs that came while `isHeld` was true; they are answered when it is called. */
  answerSyncs: () => void
  hold: () => void
  syncs: () => number
  /** Logins that come later wait for `letIn`. */
  holdLogins: () => void
  letIn: () => void
}

/** Answers everything, and a Sync only while it is not held; pings at once, or with the next answer as Neon's proxy does. */
async function peer(t: Test, { autoPong = true } = {}): Promise<Peer> {
  const sockets: WebSocket[] = []
  const checkedOut: WebSocket[] = []
  const outside: WebSocket[] = []
  let isCheckedOut = false
  let isShut = false
  let pings = 0
  let syncs = 0
  const deferred = new Map<WebSocket, number>()
  const server = await scriptedServer(
    t,
    (socket, count, frame) => {
      if (count === 1) {
        sockets.push(socket)
        socket.on('ping', () => {
          pings += 1
          deferred.set(socket, (deferred.get(socket) ?? 0) + 1)
        })
      }
      if (!autoPong) flushPongs(socket)
      if (isSync(frame)) {
        syncs += 1
        if (isCheckedOut) checkedOut.push(socket)
        else socket.send(Buffer.from(READY))
      } else if (count > 1) socket.send(answerWithoutRows(frame))
      else if (isShut) outside.push(socket)
      else socket.send(Buffer.from(AUTHENTICATED))
    },
    { autoPong }
  )
  return {
    url: server.url,
    sockets,
    pings: () => pings,
    syncs: () => syncs,
    hold() {
      isCheckedOut = true
    },
    answerSyncs() {
      isCheckedOut = false
      for (const socket of checkedOut.splice(0)) socket.send(Buffer.from(READY))
    },
    holdLogins() {
      isShut = true
    },
    letIn() {
      isShut = false
      for (const socket of outside.splice(0)) socket.send(Buffer.from(AUTHENTICATED))
    }
  }

  /** In front of the answer that they leave with. */
  function flushPongs(socket: WebSocket) {
    for (let left = deferred.get(socket) ?? 0; left > 0; left -= 1) socket.pong()
    deferred.delete(socket)
  }
}

function isSync(frame: RawData): boolean {
  return Buffer.isBuffer(frame) && frame.length === 5 && frame[0] === 0x53
}

// PostgreSQL, "Message Formats", CancelRequest.
function isCancel(frame: RawData): boolean {
  return Buffer.isBuffer(frame) && frame.length === 16 && frame.readInt32BE(4) === 80_877_102
}

/** One whose only connection was being asked when its caller gave up. */
async function openAbandoned(t: Test, limits: Partial<NeonPoolOptions> = {}, search = '') {
  const opened = await openSilenced(t, { trustMs: 0, max: 1, ...limits }, search)
  opened.hold()
  const controller = new AbortController()
  const given = opened.pool.checkout({ signal: controller.signal })
  await until(() => opened.syncs() === 1)
  controller.abort()
  await t.rejects(given, { code: 'FST_NEON_ABORTED' })
  return opened
}

/** The connection is there, and says nothing any more. */
async function openSilenced(t: Test, limits: Partial<NeonPoolOptions>, search = '') {
  const opened = await peer(t)
  const { pool, count } = await openPool(t, limits, opened.url + search)
  await pool.query('select')
  return { ...opened, pool, count, silence: () => opened.sockets[0]?.pause() }
}

t.test('a link that has fallen silent, of a peer that answers pings', async t => {
  t.test('while its client is idle is found by the heartbeat, and no caller sees it', async t => {
    const { pool, count, pings, silence } = await openSilenced(t, { heartbeatIntervalMs: 50 })
    await until(() => pings() > 2)
    silence()

    await until(() => count('idle-client-lost') === 1)

    t.ok(await pool.query('select'))
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0 })
  })

  t.test('in the middle of a statement ends it long before the statement’s deadline', async t => {
    const { pool, count, pings, silence } = await openSilenced(t, { heartbeatIntervalMs: 50, max: 1 })
    const client = await pool.connect()
    await until(() => pings() > 2)
    silence()

    const lost = t.rejects(client.query('select'), /Connection terminated/)
    const next = pool.query('select')
    await lost
    client.release()

    t.ok(await next)
    t.equal(count('checked-out-client-lost'), 1)
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0, waiting: 0 })
  })
})

t.test('a link that was silent for long', async t => {
  t.test('is asked by a Sync before it is used, and not while it is trusted', async t => {
    const { pool, syncs, sockets } = await openSilenced(t, { trustMs: 0 })

    t.ok(await pool.query('select'))
    t.equal(syncs(), 1)
    t.equal(sockets.length, 1)

    const trusting = await openSilenced(t, {})
    t.ok(await trusting.pool.query('select'))
    t.equal(trusting.syncs(), 0)
  })

  t.test('is asked the same way where statements are not pipelined', async t => {
    const { pool, syncs, sockets } = await openSilenced(t, { trustMs: 0, pipelining: false })

    t.ok(await pool.query('select'))

    t.equal(syncs(), 1)
    t.equal(sockets.length, 1)
  })

  t.test('and does not answer is given up before anything is sent on it, with all as old', async t => {
    const { pool, count, sockets, silence } = await openSilenced(t, { trustMs: 0, pingTimeoutMs: 50 })
    for (const client of await take(pool, 3)) client.release()
    silence()
    for (const socket of sockets) socket.pause()

    t.ok(await pool.query('select'))

    t.equal(count('idle-client-lost'), 1)
    t.equal(pool.stats().clientsEvicted, 2)
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0 })
  })

  t.test('is not given up when this process was held up', async t => {
    const { pool, count, sockets, hold, answerSyncs, syncs } = await openSilenced(t, {
      trustMs: 0,
      pingTimeoutMs: 300
    })
    hold()
    const query = pool.query('select')
    await until(() => syncs() === 1)

    const busyUntil = performance.now() + 600
    while (performance.now() < busyUntil);
    answerSyncs()

    t.ok(await query)
    t.equal(count('idle-client-lost'), 0)
    t.equal(sockets.length, 1)
  })

  t.test('and breaks while it is asked is not checked out', async t => {
    const { pool, sockets, hold, syncs } = await openSilenced(t, { trustMs: 0 })
    hold()
    const query = pool.query('select')
    await until(() => syncs() === 1)

    sockets[0]?.terminate()

    t.ok(await query)
    t.equal(sockets.length, 2)
  })

  t.test('and is evicted while it is asked is not checked out', async t => {
    const { pool, sockets, hold, answerSyncs, syncs } = await openSilenced(t, { trustMs: 0 })
    for (const client of await take(pool, 2)) client.release()
    hold()
    const query = pool.query('select')
    const before = syncs()
    await until(() => syncs() > before)

    // The one that was used last is asked, so this is the other.
    sockets[0]?.terminate()
    await until(() => pool.stats().clientsLost === 1)
    answerSyncs()

    t.ok(await query)
    t.equal(sockets.length, 3)
    t.match(pool.stats(), { total: 1, clientsEvicted: 1 })
  })

  t.test('and whose caller gives up meanwhile is the next one’s', async t => {
    const { pool, sockets, answerSyncs } = await openAbandoned(t)
    const next = pool.query('select')
    answerSyncs()

    t.ok(await next)
    t.equal(sockets.length, 1)
  })

  t.test('and breaks when its caller has given up leaves its place to the next one', async t => {
    const { pool, sockets } = await openAbandoned(t)
    const next = pool.query('select')
    sockets[0]?.terminate()

    t.ok(await next)
    t.match(pool.stats(), { total: 1, idle: 1, clientsLost: 1 })
  })

  t.test('is free again when its caller has given up before it was asked', async t => {
    const { pool } = await openSilenced(t, {})
    const controller = new AbortController()
    const given = pool.checkout({ signal: controller.signal })

    controller.abort()

    await t.rejects(given, { code: 'FST_NEON_ABORTED' })
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0 })
  })
})

t.test('behind a pooler', async t => {
  t.test(
    'a Sync that waits for a server loses no connection, and its caller gets what is there first',
    async t => {
      const { pool, count, sockets, hold, answerSyncs, syncs } = await openSilenced(
        t,
        { trustMs: 0, pingTimeoutMs: 50, max: 2 },
        POOLED
      )
      hold()

      t.ok(await pool.query('select'), 'another connection')
      t.equal(sockets.length, 2)
      answerSyncs()
      await until(() => pool.stats().idle === 2)

      t.equal(count('idle-client-lost'), 0)
      t.ok(await pool.query('select'))
      t.equal(sockets.length, 2)
      t.ok(syncs() > 2)
    }
  )

  t.test('one that comes back to a full pool is closed', async t => {
    const { pool, count, sockets, hold, answerSyncs } = await openSilenced(
      t,
      { trustMs: 0, pingTimeoutMs: 50, max: 1 },
      POOLED
    )
    hold()

    t.ok(await pool.query('select'))
    t.equal(sockets.length, 2)
    answerSyncs()
    await until(() => pool.stats().total === 1)

    t.equal(count('idle-client-lost'), 0)
    t.match(pool.stats(), { total: 1, idle: 1 })
  })

  t.test('those that come back and those made in their place are no more than the pool may have', async t => {
    const { pool, sockets, hold, answerSyncs, holdLogins, letIn } = await openSilenced(
      t,
      { trustMs: 0, pingTimeoutMs: 200, max: 2 },
      POOLED
    )
    for (const client of await take(pool, 2)) client.release()
    hold()
    holdLogins()
    const taken = take(pool, 2)
    await until(() => sockets.length === 3)

    answerSyncs()
    const clients = await taken
    letIn()
    await until(() => pool.stats().connects === 3)

    t.match(pool.stats(), { total: 2, idle: 0, checkedOut: 2 })
    for (const client of clients) client.release()
    t.match(pool.stats(), { total: 2, idle: 2 })
  })

  t.test('who meets a silent one gets another that is free, while there is no new one', async t => {
    const { pool, sockets, holdLogins } = await openSilenced(
      t,
      { trustMs: 0, pingTimeoutMs: 100, max: 2 },
      POOLED
    )
    for (const client of await take(pool, 2)) client.release()
    holdLogins()
    sockets[1]?.pause()

    t.ok(await pool.query('select'))

    t.match(pool.stats(), { connects: 2, clientsLost: 0 })
  })

  t.test('one whose caller has given up is set aside when it does not answer', async t => {
    const { pool, sockets } = await openAbandoned(t, { pingTimeoutMs: 100 }, POOLED)

    t.ok(await pool.query('select'))
    t.equal(sockets.length, 2)
  })

  t.test('one that never answers is given up', async t => {
    const { pool, count, silence } = await openSilenced(t, { trustMs: 0, pingTimeoutMs: 20, max: 1 }, POOLED)
    silence()

    t.ok(await pool.query('select'))
    await until(() => count('idle-client-lost') === 1)

    t.match(pool.stats(), { total: 1, idle: 1 })
  })

  t.test('the loss of one connection evicts no other', async t => {
    const { pool, sockets, count } = await openSilenced(t, {}, POOLED)
    for (const client of await take(pool, 3)) client.release()

    sockets[1]?.terminate()
    await until(() => count('idle-client-lost') === 1)

    t.match(pool.stats(), { total: 2, idle: 2, clientsEvicted: 0 })
  })
})

t.test('a peer that keeps its pongs until the next answer', async t => {
  t.test('is not given up for it, idle or with an answer outstanding', async t => {
    const opened = await peer(t, { autoPong: false })
    const { pool, count } = await openPool(t, { trustMs: 0, heartbeatIntervalMs: 5, max: 1 }, opened.url)
    await pool.query('select')
    opened.hold()

    await until(() => opened.pings() > 10)
    const query = pool.query('select')
    const { pings } = opened
    const before = pings()
    await until(() => pings() > before + 10)
    opened.answerSyncs()

    t.ok(await query)
    t.equal(count('idle-client-lost'), 0)
    t.equal(opened.sockets.length, 1)
  })
})

t.test('a connection whose statement is being cancelled counts until the cancel is answered', async t => {
  const statements: WebSocket[] = []
  const server = await scriptedServer(t, (socket, count, frame) => {
    if (isCancel(frame)) {
      statements[0]?.send(Buffer.from([...CANCELLED, ...READY]))
      socket.close()
    } else if (count === 1) socket.send(Buffer.from(CANCELLABLE))
    else statements.push(socket)
  })
  const { pool } = await openPool(t, { max: 1, statementTimeoutMs: 300 }, server.url)
  const client = await pool.connect()
  await t.rejects(client.query('select'), /timeout/)

  client.release()

  t.equal(pool.totalCount, 1)
  await until(() => pool.totalCount === 0)
})

t.test('a connection that was given up', async t => {
  /** Nothing that comes on the first connection is answered when `isMute` says so. */
  async function openMute(t: Test, isMute: (frame: RawData) => boolean) {
    const sockets: WebSocket[] = []
    /** Of the first one when another came. */
    const states: (number | undefined)[] = []
    const server = await scriptedServer(t, (socket, count, frame) => {
      if (isCancel(frame)) return
      if (count === 1) {
        states.push(sockets[0]?.readyState)
        sockets.push(socket)
        socket.send(Buffer.from(CANCELLABLE))
      } else if (socket !== sockets[0] || !isMute(frame)) socket.send(answerWithoutRows(frame))
    })
    return { ...(await openPool(t, { max: 1, statementTimeoutMs: 300 }, server.url)), sockets, states }
  }

  t.test('in a COMMIT keeps its place until the COMMIT is answered or the link is lost', async t => {
    const { pool, sockets, states } = await openMute(t, frame => String(frame).includes('COMMIT'))
    const client = await pool.connect()
    await client.query('BEGIN')
    await t.rejects(client.query('COMMIT'), /timeout/)

    client.release()
    t.equal(pool.totalCount, 1)
    const next = pool.query('select')
    sockets[0]?.terminate()

    t.ok(await next)
    t.strictSame(states, [undefined, WebSocket.CLOSED])
    t.equal(pool.totalCount, 1)
  })

  t.test('on a long way keeps its place until the cancel has come there and was answered', async t => {
    const order: string[] = []
    let first: WebSocket | undefined
    const server = await scriptedServer(
      t,
      (socket, count, frame) => {
        if (isCancel(frame)) setTimeout(answerCancel, 600, socket)
        else if (count === 1) {
          order.push('login')
          first ??= socket
          socket.send(Buffer.from(CANCELLABLE))
        } else if (socket !== first) socket.send(answerWithoutRows(frame))
      },
      { upgradeMs: 400 }
    )
    const { pool } = await openPool(t, { max: 1, statementTimeoutMs: 300 }, server.url)
    const client = await pool.connect()
    await t.rejects(client.query('select'), /timeout/)

    client.release()
    t.ok(await pool.query('select'))

    t.strictSame(order, ['login', 'cancelled', 'login'])

    function answerCancel(socket: WebSocket) {
      order.push('cancelled')
      first?.send(Buffer.from([...CANCELLED, ...READY]))
      socket.close()
    }
  })

  t.test('and whose cancel is late gives its place away', async t => {
    const { pool } = await openMute(t, () => true)
    const client = await pool.connect()
    await t.rejects(client.query('select'), /timeout/)

    client.release()
    t.ok(await pool.query('select'))

    t.match(pool.stats(), { total: 1, idle: 1 })
  })
})

t.test('a loss that the kernel knows and this process has not heard of is no caller’s', async t => {
  const { pool } = await openPool(t, { trustMs: 0 }, await createDatabase(t))
  const pid = await pidOf(pool)
  await kill(pid)
  const busyUntil = performance.now() + 200
  while (performance.now() < busyUntil);

  t.not(await pidOf(pool), pid)
})
