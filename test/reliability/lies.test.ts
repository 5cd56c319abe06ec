import t, { type Test } from 'tap'
import { createDatabase as createDrizzle } from '../../packages/fastify-neon/src/drizzle/database.ts'
import { openPool, take } from '../../packages/fastify-neon/test/support/pools.ts'
import { build, type TestApp } from '../support/app.ts'
import { createDatabase, readServer } from '../support/postgres.ts'
import { askAll, LIES, lieAt } from './support/lies.ts'
import { messageOf, openFront } from './support/tamper.ts'

// The answers of one round are about a hundred messages; each kind of lie is told at another place.
const STEP = 7
const PLACES = 60
const HTTP_PLACES = 40

const CONFLICT = messageOf('E', 'SERROR\0C40001\0Mcould not serialize access\0', [0])

async function liar(t: Test, options: Parameters<typeof openPool>[1]) {
  const url = await createDatabase(t)
  const front = await openFront(t, readServer())
  const { pool } = await openPool(t, { statementTimeoutMs: 5000, ...options }, front.through(url))
  return { pool, front }
}

for (const [name, options] of [
  ['with many pipelines on one connection', { max: 2, maxPipelined: 10 }],
  ['with one after another', { max: 2, maxPipelined: 1 }],
  ['without pipelining', { max: 2, pipelining: false }]
] as const) {
  t.test(`nobody is answered what another is, whatever a peer sends, ${name}`, async t => {
    const { pool, front } = await liar(t, options)
    let place = 0
    for (const [index, [lie, tell]] of LIES.entries()) {
      const telling = lieAt(front, place, tell, { isOneFrame: index % 2 === 0 })
      const { wrong } = await askAll(pool, index)
      telling.end()
      t.strictSame(wrong, [], `${lie} at ${place}`)
      place = (place + STEP) % PLACES
    }
    await t.resolves(pool.query('select 1'), 'and the pool goes on')
  })
}

t.test(
  'no user is told over HTTP that there is nothing, or of what is another’s, whatever a peer sends',
  async t => {
    const front = await openFront(t, readServer())
    const databaseUrl = front.through(await createDatabase(t))
    const { as } = await build(t, {
      DATABASE_URL: databaseUrl,
      DATABASE_POOL_MAX: '2',
      DATABASE_STATEMENT_TIMEOUT_MS: '1000'
    })
    const users = await Promise.all(
      ['alice', 'bob', 'carol'].map(async name => {
        const send = as(name)
        const { status, body } = await send('POST', '/tasks', { title: `of ${name}` })
        t.equal(status, 201)
        return { name, send, id: body.id }
      })
    )

    let place = 0
    let answered = 0
    for (const [index, [lie, tell]] of LIES.entries()) {
      const telling = lieAt(front, place, tell, { isOneFrame: index % 2 === 0 })
      for (const [is, status, seen, title] of await askAllOver(users)) {
        if (status < 500) answered += 1
        t.ok(
          status >= 500 || (status === 200 && seen === title),
          `${lie} at ${place}: ${is} is ${status}, ${seen}`
        )
      }
      telling.end()
      t.ok(telling.isTold, lie)
      place = (place + STEP) % HTTP_PLACES
    }
    t.ok(answered > 0)
  }
)

interface User {
  name: string
  send: ReturnType<TestApp['as']>
  id: string
}

/** Of each answer: to what, its status, and the titles in it beside the one that there is. */
async function askAllOver(users: readonly User[]) {
  return await Promise.all(
    users.flatMap(({ name, send, id }) => {
      const title = `of ${name}`
      return [
        send('GET', '/tasks').then(({ status, body }) => {
          const titles: { title: string }[] = body.items ?? []
          return ['a list', status, titles.map(task => task.title).join(), title] as const
        }),
        send('GET', `/tasks/${id}`).then(
          ({ status, body }) => ['a task', status, body.title, title] as const
        ),
        send('PATCH', `/tasks/${id}`, { done: true }).then(
          ({ status, body }) => ['a change', status, body.title, title] as const
        )
      ]
    })
  )
}

const AUTHENTICATION_OK = messageOf('R', [0, 0, 0, 0])
const UNREADABLE: readonly [string, Buffer][] = [
  ['of a type that there is not', messageOf('~', 'nonsense')],
  ['that asks for what nobody knows', messageOf('R', [0, 0, 0, 99])],
  ['that is an error of nothing', messageOf('E', [0])],
  ['that is ready before it has let anybody in', messageOf('Z', 'I')],
  ['that has rows', messageOf('D', [0, 0])]
]

t.test('an answer to a login that nobody can read is a lost connection', async t => {
  const { pool, front } = await liar(t, {})
  for (const [name, answer] of UNREADABLE) {
    let isTold = false
    const undo = front.tamper({
      toClient(message) {
        if (isTold || !message.equals(AUTHENTICATION_OK)) return message
        isTold = true
        return answer
      }
    })
    const clients = await take(pool, 2)
    undo()
    t.ok(isTold, `${name} is tried again`)
    for (const client of clients) client.release(true)
  }
})

t.test('an error in front of the tag of a COMMIT', async t => {
  for (const pipelining of [true, false])
    for (const isOneFrame of [true, false]) {
      const { pool, front } = await liar(t, { pipelining })
      const db = createDrizzle(pool)
      await db.execute('create table written (n int)')
      const undo = front.tamper({
        toClient(message, link) {
          if (!message.includes('COMMIT\0')) return message
          if (isOneFrame) return Buffer.concat([CONFLICT, message])
          link.send(CONFLICT)
          return message
        }
      })

      await t.rejects(
        db.transaction(tx => tx.execute('insert into written values (1)')),
        { code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN' }
      )
      undo()
      t.strictSame((await db.execute('select n from written')).rows, [{ n: 1 }], 'was stored')
    }
})

t.test('an error in front of the answer to a write that is a transaction of its own', async t => {
  const { pool, front } = await liar(t, {})
  const db = createDrizzle(pool)
  await db.execute('create table written (n int)')
  const write = async () => db.execute('insert into written values (1)')
  const undo = front.tamper({
    toClient: message => (message.includes('INSERT 0 1\0') ? Buffer.concat([CONFLICT, message]) : message)
  })

  await t.rejects(write(), { code: 'FST_NEON_CONNECTION_LOST' }, 'says nothing of it')
  undo()
})

t.test('an echo of another one, or none, is no identity', async t => {
  const { pool, front } = await liar(t, {})
  const db = createDrizzle(pool).$withClaims({ 'app.user_id': 'alice' }, { readOnly: true })
  const read = async () => (await db.execute("select current_setting('app.user_id') as claim")).rows
  await read()
  for (const change of [
    (row: Buffer) => Buffer.from(row.toString().replace('alice', 'bobby')),
    () => undefined
  ]) {
    let isTold = false
    const undo = front.tamper({
      toClient(message) {
        // The echo has three columns.
        if (isTold || message[0] !== 0x44 || message[6] !== 3) return message
        isTold = true
        return change(message)
      }
    })
    const { connects } = pool.stats()
    t.strictSame(await read(), [{ claim: 'alice' }], 'is read again')
    undo()
    t.ok(isTold)
    t.equal(pool.stats().connects, connects + 1, 'on another connection')
  }
})

t.test('a claim with half a character is echoed as the server has it', async t => {
  const { pool } = await liar(t, {})
  const db = createDrizzle(pool).$withClaims({ 'app.user_id': 'a\ud800' }, { readOnly: true })

  t.strictSame((await db.execute("select current_setting('app.user_id') as claim")).rows, [
    { claim: 'a\ufffd' }
  ])
})

t.test('a READ ONLY transaction with NOTIFY waits for its COMMIT', async t => {
  const { pool, front } = await liar(t, {})
  const db = createDrizzle(pool)
  const loseCommit = () =>
    front.tamper({
      toClient(message, link) {
        if (!message.includes('COMMIT\0')) return message
        link.drop()
        return undefined
      }
    })
  const readOnly = { accessMode: 'read only' } as const

  let undo = loseCommit()
  await t.rejects(
    db.transaction(tx => tx.execute('notify news'), readOnly),
    { code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN' }
  )
  undo()

  undo = loseCommit()
  const rows = await db.transaction(
    tx => tx.transaction(async inner => (await inner.execute('select 1 as n')).rows),
    readOnly
  )
  undo()
  t.strictSame(rows, [{ n: 1 }], 'and one that only reads does not')
})

t.test('a READ ONLY batch with NOTIFY that is not answered is of unknown outcome', async t => {
  const { pool, front } = await liar(t, {})
  const db = createDrizzle(pool).$withClaims({ 'app.user_id': 'alice' }, { readOnly: true })
  const undo = front.tamper({
    toClient(message, link) {
      if (!message.includes('NOTIFY\0')) return message
      link.drop()
      return undefined
    }
  })

  await t.rejects(
    db.$batch(tx => [tx.execute('notify news')]),
    { code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN' }
  )
  undo()
})
