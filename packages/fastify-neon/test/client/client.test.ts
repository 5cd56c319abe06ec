import { Client as DriverClient } from '@neondatabase/serverless'
import type pg from 'pg'
import t from 'tap'
import { collectGarbage } from '../../../../test/reliability/support/garbage.ts'
import { until } from '../../../../test/support/app.ts'
import { administer } from '../../../../test/support/postgres.ts'
import { clientConfig, NeonClient } from '../../src/client/client.ts'
import { Pipeline } from '../../src/client/pipeline.ts'
import { verifyConnectionUrl } from '../../src/connection-string/connection-url.ts'
import { createSocketRegister } from '../../src/socket/socket.ts'
import { openClient } from '../support/clients.ts'

const { Query } = DriverClient as unknown as typeof pg

t.test('a client that has not connected is not there', async t => {
  const { connection: url } = verifyConnectionUrl('postgresql://u:p@127.0.0.1:1/d')
  if (!url) throw new Error('no valid URL')
  const sockets = createSocketRegister({ handshakeTimeoutMs: 1, secure: false })

  const client = new NeonClient(clientConfig(url, {}), { url, sockets })

  t.strictSame([client.isConnected, client.isBusy], [false, false])
  t.strictSame([client.silentMs, client.upgradeMs], [0, 0])
})

t.test('a process that was held up reads the answer before it takes the server for silent', async t => {
  const { client } = await openClient(t)
  const answered = client.answersSync(300)

  holdUp(500)

  t.equal(await answered, true)
})

t.test('a listener to rows that throws is told of, and its connection ends', async t => {
  const { client } = await openClient(t)
  const { args } = t.capture(process, 'emitWarning')
  const thrown = new TypeError('a mistake of the caller')

  const query = new Query('select 1')
  query.on('row', () => {
    throw thrown
  })
  client.query(query as never)
  await until(() => !client.isConnected)

  t.strictSame(args(), [[thrown]])
})

t.test('an INSERT into a table with a rule has the rows of the rule', async t => {
  const { client, databaseUrl } = await openClient(t)
  await administer(
    `create table told (n int);
     create rule tell as on insert to told do also select 1 as n union all select 2`,
    databaseUrl
  )

  t.match(await client.query('insert into told values (1)'), { command: 'INSERT', rowCount: 1 })
  t.ok(client.isConnected)
})

t.test('a statement that is given up', async t => {
  const sleeping = () => new Pipeline([{ text: 'select pg_sleep(60)' }])
  const answering = () => new Pipeline([{ text: 'select 1 as n' }])

  t.test('ends, and those behind it are answered', async t => {
    const { client, databaseUrl } = await openClient(t)
    const pipeline = sleeping()
    const ended = t.rejects(client.runPipeline(pipeline), { code: '57014' })
    const next = client.runPipeline(answering())
    await until(() => isSleeping(databaseUrl))

    t.equal(await client.giveUp(pipeline), true)

    await ended
    t.match(await next, [{ rows: [{ n: 1 }] }])
    t.strictSame([client.cancels, client.isConnected], [1, true])
    t.equal(client.isClean(0), false, 'another cancel may be late, and is nobody’s to wait for')
  })

  t.test('while it waits ends as soon as it is its turn', async t => {
    const { client, databaseUrl } = await openClient(t)
    const first = sleeping()
    const second = sleeping()
    const ended = [first, second].map(pipeline => t.rejects(client.runPipeline(pipeline), { code: '57014' }))
    const next = client.runPipeline(answering())
    await until(() => isSleeping(databaseUrl))

    const givenUp = client.giveUp(second)
    t.equal(client.cancels, 0)
    await client.giveUp(first)

    t.equal(await givenUp, true)
    await Promise.all(ended)
    t.match(await next, [{ rows: [{ n: 1 }] }])
  })

  t.test('after it has ended is left alone, and so is what runs now', async t => {
    const { client, databaseUrl } = await openClient(t)
    const pipeline = answering()
    await client.runPipeline(pipeline)
    const running = sleeping()
    const ended = t.rejects(client.runPipeline(running), { code: '57014' })
    await until(() => isSleeping(databaseUrl))

    t.equal(await client.giveUp(pipeline), true)
    t.equal(client.cancels, 0)

    await client.giveUp(running)
    await ended
  })
})

async function isSleeping(databaseUrl: string): Promise<boolean> {
  const sleeping =
    "select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
  return (await administer(sleeping, databaseUrl)).length > 0
}

/** Keeps this process from everything else. */
function holdUp(timeMs: number) {
  const endsAt = performance.now() + timeMs
  while (performance.now() < endsAt);
}

t.test('an idle client keeps the rows of nobody, whichever way they came', async t => {
  const { client } = await openClient(t)
  // Each in a function that is left, so that nothing here holds the rows.
  const ways: Record<string, () => Promise<WeakRef<unknown[]>>> = {
    query: async () => new WeakRef<unknown[]>((await client.query('select 1 as n')).rows),
    'query with values': async () =>
      new WeakRef<unknown[]>((await client.query('select $1::int as n', [1])).rows),
    pipeline: async () => {
      const [result] = await client.runPipeline(new Pipeline([{ text: 'select $1::int as n', values: [1] }]))
      return new WeakRef(result?.rows ?? [])
    }
  }

  for (const [way, run] of Object.entries(ways)) {
    const rows = await run()
    // What was alive in this turn stays alive until its end.
    await new Promise(resolve => setImmediate(resolve))
    collectGarbage()

    t.equal(rows.deref(), undefined, way)
  }
})
