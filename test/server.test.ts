import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { openIssuer } from '../dev/token-issuer.ts'
import { createGate } from '../packages/migration-lint/test/lint.ts'
import { CANARY, refuseSecrets, settingsFor, until } from './support/app.ts'
import { administer, createDatabase, holdTable, isWaiting } from './support/postgres.ts'
import { runProgram } from './support/processes.ts'

async function start(t: Test, env: Record<string, string> = {}) {
  const databaseUrl = env.DATABASE_URL ?? (await createDatabase(t))
  const directory = t.testdir({})
  const issuer = await openIssuer(directory)
  const program = runProgram(t, 'src/server.ts', {
    env: { ...issuer.settings, PORT: '0', DATABASE_URL: databaseUrl, ...env }
  })
  t.teardown(() => refuseSecrets(program.output(), databaseUrl))
  const url = await program.said(/Server listening at (http:[^"]+)/)
  const headers = { authorization: `Bearer ${await issuer.sign('alice', '1h')}` }
  return { ...program, url, headers, databaseUrl }
}

const THROWS = "process.once('SIGUSR2', () => { throw new Error('thrown by chance') })"

const statusOf = async (url: string) => (await fetch(url)).status

t.test('the process', async t => {
  t.test(
    'is alive while the database is not there yet, ready when it is, serves until SIGTERM, and then ends with 0',
    async t => {
      const gate = await createGate(t, await createDatabase(t))
      const { url, headers, child, ended, said } = await start(t, {
        DATABASE_URL: `${gate.url}?channel_binding=require&application_name=a&application_name=b`
      })

      const alive = new Set([await statusOf(`${url}/livez`)])
      const before = await statusOf(`${url}/readyz`)
      gate.open()
      await until(async () => {
        alive.add(await statusOf(`${url}/livez`))
        return (await statusOf(`${url}/readyz`)) === 200
      })
      const created = await fetch(`${url}/tasks`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ title: CANARY })
      })
      child.kill('SIGTERM')

      t.equal(before, 503)
      t.strictSame([...alive], [200])
      t.equal(created.status, 201)
      t.equal(await ended, 0)
      t.match(await said(/.*"msg":"closing".*/), /"level":30/)
      t.match(await said(/.*channel_binding.*/), /"level":30/, 'what has no effect in the connection string')
      t.match(await said(/.*more than once.*/), /"level":40/, 'and what has another one than it seems')
    }
  )

  t.test('is not ready from SIGTERM on, and lets what is under way finish', async t => {
    const { url, headers, child, ended, databaseUrl, said } = await start(t, {
      DRAIN_DELAY_MS: '2000',
      HEALTH_PORT: '0'
    })
    const probes = `http://127.0.0.1:${await said(/"port":(\d+)\},"msg":"probes listening"/)}`
    await until(async () => (await statusOf(`${probes}/readyz`)) === 200)
    const releaseTable = await holdTable(t, databaseUrl)
    const underWay = fetch(`${url}/tasks`, { headers })
    await until(() => isWaiting(databaseUrl))

    child.kill('SIGTERM')
    await until(async () => (await statusOf(`${probes}/readyz`)) === 503)
    const alive = await statusOf(`${url}/livez`)
    await releaseTable()

    t.equal(alive, 200)
    t.equal((await underWay).status, 200)
    t.equal(await ended, 0)
    t.strictSame(await administer(CONNECTED, databaseUrl), [], 'the pool has ended')
  })

  t.test('ends at once at a second signal', async t => {
    const { url, headers, child, ended, databaseUrl, said } = await start(t)
    await holdTable(t, databaseUrl)
    const cutOff = t.rejects(fetch(`${url}/tasks`, { headers }))
    await until(() => isWaiting(databaseUrl))

    child.kill('SIGTERM')
    await said(/"msg":"closing"/)
    child.kill('SIGTERM')

    t.equal(await ended, 1)
    await cutOff
  })

  t.test('ends in time when something never finishes', async t => {
    const { url, headers, child, ended, databaseUrl } = await start(t, { SHUTDOWN_TIMEOUT_MS: '100' })
    await holdTable(t, databaseUrl)
    const cutOff = t.rejects(fetch(`${url}/tasks`, { headers }))
    await until(() => isWaiting(databaseUrl))

    child.kill('SIGTERM')

    t.equal(await ended, 1)
    await cutOff
  })

  t.test('closes when something is thrown that nobody has caught, and says what', async t => {
    const options = `${process.env.NODE_OPTIONS ?? ''} --import=data:text/javascript,${encodeURIComponent(THROWS)}`
    const { child, ended, said } = await start(t, { NODE_OPTIONS: options })

    child.kill('SIGUSR2')

    await said(/"level":60.*"msg":"unexpected error, closing"/)
    t.equal(await ended, 1)
  })

  t.test('says which address is taken, and what to do, and ends', async t => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    t.teardown(() => taken.close())
    const address = taken.address()
    const port = typeof address === 'object' ? `${address?.port}` : ''
    const settings = await settingsFor(t, await createDatabase(t))

    const { ended, output } = runProgram(t, 'src/server.ts', { env: { ...settings, PORT: port } })

    t.equal(await ended, 1)
    t.match(output(), `127.0.0.1:${port} is taken by another process\n`)
    t.match(output(), 'set PORT to another port')
    t.notMatch(output(), /^ +at /m, 'without a stack')
  })
})

t.test('the process does not start with wrong settings, and says why without a secret', async t => {
  const secret = 's3cr3t-word'
  const settings = await settingsFor(t, 'postgresql://none')
  const DATABASE_URL = `postgresql://me:${secret}@ep-cool-lake-123456.us-east-2.aws.neon.tech/neondb`

  const { ended, output } = runProgram(t, 'src/server.ts', { env: { ...settings, DATABASE_URL } })

  t.equal(await ended, 1)
  t.match(output(), /^the settings have a problem:\n +- DATABASE_URL .*sslmode.*\n.*\n$/)
  t.notMatch(output(), secret)
})

t.test('the process that `npm run dev` started ends with it', async t => {
  t.test('when its channel closes', async t => {
    const settings = await settingsFor(t, await createDatabase(t))
    const { child, said, output } = runProgram(t, 'src/server.ts', { env: settings, channel: true })
    await said(/Server listening/)
    // Not its close, which Node.js never emits when the channel was closed from here.
    const exited = once(child, 'exit')

    child.disconnect()

    t.strictSame(await exited, [0, null], output())
  })
})

const CONNECTED =
  "select 1 from pg_stat_activity where application_name = 'fastify-neon' and datname = current_database()"
