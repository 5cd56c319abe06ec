/**
 * What the doctor says of a healthy database, and of each that is broken: docs/reference/doctor.md shows both.
 */

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { NO_POOLER } from '../../../../test/support/pooler.ts'
import { administer } from '../../../../test/support/postgres.ts'
import { ROOT } from '../../../../test/support/processes.ts'
import type { Fault } from '../../../local-neon/src/faults/fault.ts'
import { listen } from '../../../local-neon/src/listen.ts'
import { start } from '../../../local-neon/test/fixtures/sandbox.ts'
import { DATABASE_STEPS, judgeSkew } from '../../src/cli/doctor/database-steps.ts'
import { doctor } from '../../src/cli/doctor/doctor-command.ts'
import { addressOf, judgeCertificate, judgePort } from '../../src/cli/doctor/network-steps.ts'
import { andMore } from '../../src/cli/doctor/step.ts'
import type { ConnectionUrl } from '../../src/connection-string/connection-url.ts'
import { applyMigrations } from '../../src/migrations/migrations.ts'
import { captured } from './captured.ts'

const FOLDER = join(ROOT, 'drizzle')
const run = captured(doctor)
const neon = await start(t, { tls: 'offered', wakeDelayMs: 20, wakeJitterMs: 0, suspendAfterMs: 0 })
await applyMigrations({ url: neon.url, folder: FOLDER })

const web = createServer((_request, response) => response.end())
const plain = await listen(web, 0)
t.teardown(() => web.close())
const closed = createServer()
const gone = await listen(closed, 0)
closed.close()

interface Result {
  step: string
  state: string
  text: string
  todo?: string
}

async function examine(env: Record<string, string> = {}, ...args: string[]) {
  const { code, text } = await run(
    { DATABASE_URL: neon.url, ...env },
    '--json',
    '--folder',
    FOLDER,
    '--timeout-ms',
    '2000',
    ...args
  )
  const { steps, exitCode }: { steps: Result[]; exitCode: number } = JSON.parse(text)
  t.equal(exitCode, code)
  const { password } = new URL(neon.url)
  t.notOk(text.includes(password), 'no password is in it')
  return { code, steps, of: (step: string) => steps.find(each => each.step === step) }
}

const withUrl = (change: (url: URL) => void) => {
  const url = new URL(neon.url)
  change(url)
  return { DATABASE_URL: url.href }
}

t.test('a healthy database', async t => {
  t.test('has a mark for each step, and nothing to do', async t => {
    await neon.suspend()

    const { code, text } = await run(
      { DATABASE_URL: neon.url, DATABASE_ROLE: 'app_user' },
      '--folder',
      FOLDER
    )

    t.equal(code, 0)
    const lines = text
      .trimEnd()
      .split('\n')
      .map(line => line.replace(/ {2,}\d+ ms {2}/, ' | '))
    const { port } = neon
    const { hostname, pathname } = new URL(neon.url)
    t.match(lines, [
      `✓ connection string | neondb_owner at ${hostname}, database ${pathname.slice(1)}, direct`,
      /^✓ DNS \| IPv\d /,
      new RegExp(`^[✓!] TCP \\| port ${port} of .*: .*open`),
      '- TLS | not used on this machine',
      /^✓ WebSocket \| ws:/,
      '✓ login | as neondb_owner',
      /^✓ compute \| Postgres \d+\.\d+, direct, slept, and woke within \d+ ms$/,
      /^[✓!] round trip \| p50 of 10: /,
      '✓ prepared statements | by Postgres itself',
      /^✓ connections \| \d+ of \d+ in use$/,
      /^✓ clock \| \d+\.\d s .* that of the database$/,
      '✓ role | logs in as neondb_owner, transactions switch to app_user',
      '✓ isolation | the database keeps the rows of users apart',
      /^✓ migrations \| \d+ applied$/,
      '- keys of the issuer | AUTH_JWKS_URL is not set'
    ])
    t.equal(lines.length, 15)
  })

  t.test('that is awake says so, and a role that bypasses policies is a warning', async t => {
    const { code, of } = await examine({ DATABASE_ROLE: 'none' })

    t.equal(code, 0)
    t.match(of('compute')?.text, /awake for \d+ s$/)
    t.match(of('role'), { state: 'warning', text: /row-level security does not hold/ })
    t.match(of('isolation'), { state: 'skipped' })
    t.match((await examine({}, '--folder', 'nowhere')).of('migrations'), { state: 'skipped' })
  })

  t.test('over TLS is judged by its certificate, which is of no authority of this machine', async t => {
    for (const host of ['127.0.0.1', 'localhost']) {
      const { steps } = await examine(
        withUrl(url => {
          url.hostname = host
          url.searchParams.set('sslmode', 'require')
        })
      )

      const text = /^the certificate is not trusted \(/
      t.match(steps.at(-2), { step: 'TLS', state: 'failed', text }, host)
    }
  })
})

/** What is done to the local Neon, or to the settings, and what is found. */
interface Broken {
  title: string
  fault?: Fault
  env?: Record<string, string>
  step: string
  state?: 'failed' | 'warning'
  text: RegExp
}

const TLS = withUrl(url => url.searchParams.set('sslmode', 'require'))
const BROKEN: Broken[] = [
  {
    title: 'no connection string',
    env: { DATABASE_URL: '' },
    step: 'connection string',
    text: /DATABASE_URL/
  },
  {
    title: 'a connection string of another database',
    env: { DATABASE_URL: 'mysql://me:word@host/db' },
    step: 'connection string',
    text: /DATABASE_URL/
  },
  {
    title: 'a host that is not there',
    env: { DATABASE_URL: 'postgresql://me:word@nowhere.invalid/db?sslmode=require' },
    step: 'DNS',
    text: /^the host nowhere\.invalid cannot be found \((?:ENOTFOUND|EAI_AGAIN)\)$/
  },
  {
    title: 'a port where nothing listens',
    env: withUrl(url => {
      url.port = '1'
    }),
    step: 'TCP',
    text: /^port 1 of .* is not reached: .*ECONNREFUSED/
  },
  {
    title: 'a certificate that has expired',
    fault: { type: 'certificate', flaw: 'expired' },
    env: TLS,
    step: 'TLS',
    text: /^the certificate has expired: valid until \d{4}-\d\d-\d\d$/
  },
  {
    title: 'a certificate for another host',
    fault: { type: 'certificate', flaw: 'wrong-name' },
    env: TLS,
    step: 'TLS',
    text: /^the certificate is for another host$/
  },
  {
    title: 'a server that does not speak TLS',
    env: withUrl(url => {
      url.port = String(plain.port)
      url.searchParams.set('sslmode', 'require')
    }),
    step: 'TLS',
    text: /does not speak TLS as it should/
  },
  {
    title: 'a proxy that refuses the WebSocket',
    fault: { type: 'upgrade', status: 403 },
    step: 'WebSocket',
    text: /does not speak WebSocket as Neon does \(HTTP 403\)$/
  },
  {
    title: 'a proxy that never answers the WebSocket',
    fault: { type: 'upgrade', status: 'never' },
    step: 'WebSocket',
    text: /\(Opening handshake has timed out\)$/
  },
  {
    title: 'a wrong password',
    env: withUrl(url => {
      url.password = 'another-word'
    }),
    step: 'login',
    text: /refused the password of role "neondb_owner".*Check user and password/
  },
  {
    title: 'a database that does not exist',
    env: withUrl(url => {
      url.pathname = '/another'
    }),
    step: 'login',
    text: /^there is no database "another" at /
  },
  {
    title: 'a quota that is used up',
    fault: { type: 'login', message: 'quota-exceeded' },
    step: 'login',
    text: /quota/
  },
  {
    title: 'more sessions than the compute takes',
    fault: { type: 'connection-limit', limit: 0 },
    step: 'login',
    text: /takes no more connections \(/
  },
  {
    title: 'a link that is slow',
    fault: { type: 'latency', toClientMs: 60 },
    step: 'round trip',
    state: 'warning',
    text: /^p50 of 10: \d+\.\d ms$/
  },
  {
    title: 'an issuer that is down',
    env: { AUTH_JWKS_URL: `http://127.0.0.1:${gone.port}/jwks.json` },
    step: 'keys of the issuer',
    text: /^127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)$/
  }
]

t.test('a certificate', async t => {
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toString()
  const judge = (days: number) =>
    judgeCertificate(
      { subject: { CN: 'host' }, subjectaltname: 'DNS:host', valid_to: inDays(days) } as never,
      {
        host: 'host',
        protocol: 'TLSv1.3',
        refusal: undefined
      }
    )

  t.match(judge(60), { state: 'ok', text: /^TLSv1\.3, valid until \d{4}-\d\d-\d\d$/ })
  t.match(judge(3), { state: 'warning', todo: 'Have the certificate renewed.' })
})

t.test('a port', async t => {
  const [open, closed] = [
    { family: 4, refusal: undefined },
    { family: 6, refusal: 'ENETUNREACH' }
  ]

  t.match(judgePort('port 443', [open]), { state: 'ok', text: 'port 443: IPv4 open' })
  t.match(judgePort('port 443', [open, closed]), {
    state: 'warning',
    text: 'port 443: IPv4 open, IPv6 ENETUNREACH'
  })
  t.match(judgePort('port 443', [closed]), {
    state: 'failed',
    text: 'port 443 is not reached: IPv6 ENETUNREACH'
  })
})

t.test('an address', async t => {
  t.equal(addressOf({ url: { host: '::1', secure: true } as ConnectionUrl, port: 443 }), 'wss://[::1]:443/v2')
  t.equal(andMore([]), '', 'and nothing is said of no others')
})

t.test('a clock', async t => {
  t.match(judgeSkew(-1500, 'the issuer'), { state: 'ok', text: '1.5 s ahead of the issuer' })
  t.match(judgeSkew(60_000, 'the issuer'), { state: 'warning', text: '60.0 s behind the issuer' })
})

t.test('connections are told when few are left', async t => {
  const step = DATABASE_STEPS.find(({ name }) => name === 'connections')

  t.match(await step?.look({ server: { used: 81, most: 100 } } as never), {
    state: 'warning',
    text: '81 of 100 in use'
  })
})

t.test('behind a pooler', async t => {
  t.test('it is told that names of statements survive', { skip: NO_POOLER }, async t => {
    const { of } = await examine({ DATABASE_URL: neon.urls.pooled })

    t.match(of('prepared statements'), { state: 'ok', text: /keeps track/ })
    t.match(of('compute')?.text, / pooled, /)
    t.match(of('migrations'), { state: 'ok' }, 'over the direct host')
  })

  t.test('it is told that they do not', async t => {
    const step = DATABASE_STEPS.find(({ name }) => name === 'prepared statements')
    const session = { prepared: async (name: string) => [{ name }] }

    t.match(await step?.look({ url: { isPooled: true }, session } as never), { state: 'warning' })
  })
})

t.test('the keys of the issuer', async t => {
  const inFile = (set: object) =>
    pathToFileURL(join(t.testdir({ 'jwks.json': JSON.stringify(set) }), 'jwks.json')).href
  const look = async (jwks: string) => {
    const { of } = await examine({ AUTH_JWKS_URL: jwks })
    return of('keys of the issuer')
  }
  const serve = async (status: number, date: () => string) => {
    const server = createServer((_request, response) => {
      response.writeHead(status, { date: date() }).end(JSON.stringify({ keys: [{}] }))
    })
    t.teardown(() => server.close())
    const { port } = await listen(server, 0)
    return `http://127.0.0.1:${port}/jwks.json`
  }

  t.match(await look(inFile({ keys: [{}, {}] })), { state: 'ok', text: '2 of them' })
  t.match(await look(inFile({})), { state: 'failed', text: /has no keys$/ })
  t.match(await look(await serve(200, () => new Date().toUTCString())), {
    state: 'ok',
    text: /^1 of them, .* the issuer$/
  })
  t.match(await look(await serve(200, () => new Date(0).toUTCString())), {
    state: 'warning',
    text: /ahead of the issuer$/
  })
  t.match(await look(await serve(500, () => '')), { state: 'failed', text: /answered 500$/ })
})

t.test('the command', async t => {
  t.test('explains itself, and refuses what it does not know', async t => {
    t.match(await run({}, '--help'), { code: 0, text: /npx fastify-neon doctor \[options\]/ })
    t.match(await run({}, '--timeout-ms', 'soon'), { code: 2 })
    t.match(await run({}, '--all'), { code: 2 })
  })

  t.test('prints below what has failed what to do', async t => {
    const { code, text } = await run({ DATABASE_URL: 'postgresql://me@host/db' }, '--role', 'none')

    t.equal(code, 40)
    t.match(text, /^✗ connection string +\d+ ms {2}DATABASE_URL .*\n {32}\S/)
  })

  t.test('prints a warning of the connection string, and goes on', async t => {
    const { steps } = await examine({
      DATABASE_URL: 'postgresql://me:word@ep-none-1.nowhere.neon.tech:5433/db?sslmode=require'
    })

    t.match(steps[0], { state: 'warning', text: /names a port/ })
    t.equal(steps[1]?.step, 'DNS')
  })
})

t.test('docs/reference/doctor.md has each that is broken, with what is said of it', async t => {
  const [, table = ''] = readFileSync(join(ROOT, 'docs/reference/doctor.md'), 'utf8').split('| broken |')
  const rows = [...table.matchAll(/^\| (.*?) \| (.*?) \| (.*?) \|$/gm)].slice(1)

  t.strictSame(
    rows.map(([, title, step]) => [title, step]),
    BROKEN.map(({ title, step }) => [title, step])
  )
  for (const [index, [, , , text]] of rows.entries()) t.match(text, BROKEN[index]?.text)
})

t.test('each that is broken', async t => {
  for (const { title, fault, env, step, state = 'failed', text } of BROKEN)
    t.test(`is told: ${title}`, async t => {
      const injection = fault && neon.inject(fault)

      const { code, steps, of } = await examine(env)
      injection?.remove()

      t.match(of(step), { state, text })
      t.equal(code, state === 'failed' ? 40 : 0)
      if (state === 'failed')
        t.ok(steps.filter(each => each.state === 'failed').every(each => each.step === step))
    })

  t.test('is told: migrations that are pending, and tables that are open to all', async t => {
    await neon.wake()
    const url = Object.assign(new URL(neon.url), { pathname: '/broken' }).href
    await administer('create database broken', neon.url)
    const pending = await examine({ DATABASE_URL: url })
    t.match(pending.of('migrations'), {
      state: 'failed',
      text: /^0000_\w+: not applied yet, and \d+ more$/,
      todo: /migrate/
    })

    await applyMigrations({ url, folder: FOLDER })
    await administer('alter table tasks disable row level security; create table other ()', url)
    const { code, of } = await examine({ DATABASE_URL: url, DATABASE_ROLE: 'app_user' })

    t.match(of('isolation'), {
      state: 'failed',
      text: /public\..*, and \d+ more$/,
      todo: 'Run npx fastify-neon audit.'
    })
    t.equal(code, 40)
  })
})
