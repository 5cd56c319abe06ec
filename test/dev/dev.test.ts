import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { listen } from '../../packages/local-neon/src/listen.ts'
import { administer } from '../support/postgres.ts'
import { ROOT } from '../support/processes.ts'

import { dev, localSettings, requestOf } from './dev-process.ts'

const INFO = 30

t.test('npm run dev', async t => {
  const env = localSettings(t)

  t.test(
    'starts a database, applies the migrations and serves, and prints what the README shows, and no warning',
    async t => {
      const first = dev(t, { ...env, FRONTEND: '' })
      const [url, options] = requestOf(await first.said(/^try +(curl .*)$/m))
      const body = JSON.stringify({ title: 'kept' })
      const headers = { ...options.headers, 'content-type': 'application/json' }
      t.equal((await fetch(url, { method: 'POST', headers, body })).status, 201)
      await first.said(/^stop/m)
      await first.said(/"msg":"process is ready"/)

      const lines = first.output().trim().split('\n')
      const log = lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line))
      t.strictSame(
        lines.filter(line => !line.startsWith('{') && !OF_ROOT.test(line)).map(withoutValues),
        blockOf(readFileSync(join(ROOT, 'README.md'), 'utf8')).map(withoutValues)
      )
      t.strictSame(
        log.filter(({ level }) => level > INFO),
        []
      )

      const console = await first.said(/^console +(http:.*)$/m)
      t.match(await (await fetch(console)).text(), '<title>Local Neon</title>')
      await frontendWorks(t, await first.said(/^frontend +(.*)$/m), new URL(url).origin)

      const [, databaseUrl = ''] = /^database +(\S+)$/m.exec(first.output()) ?? []
      await administer('alter table tasks rename title to headline', databaseUrl)
      t.equal((await fetch(url, options)).status, 500)
      await first.said(/"statusCode":500\b[^\n]*"msg":"request completed"/)
      t.match(
        first.output(),
        /"serverError":\{"message":"column \\"title\\" does not exist"/,
        'with the details of errors'
      )
      await administer('alter table tasks rename headline to title', databaseUrl)
      first.child.kill('SIGINT')
      t.equal(await first.ended, 0)
    }
  )

  t.test(
    'keeps the data for the next time, is at another port than a taken one, and shares its database',
    async t => {
      const taken = createServer()
      const { port } = await listen(taken, 0)
      t.teardown(() => taken.close())

      const second = dev(t, { ...env, PORT: `${port}`, LOCAL_NEON_SUSPEND_AFTER_MS: '300' })
      const request = requestOf(await second.said(/^try +(curl .*)$/m))
      await second.said(/^stop[\s\S]*^suspend +idle for long enough$/m)
      const again = await fetch(...request)
      t.match(await again.json(), { items: [{ title: 'kept' }] })
      t.match(second.output(), /^suspend [\s\S]*^wake +after \d+ ms$/m)
      t.notMatch(second.output(), /applied|frontend/)
      t.match(second.output(), `port ${port} is taken, so the service is at another one`)
      t.not(new URL(request[0]).port, `${port}`)

      const third = dev(t, env)
      const other = await fetch(...requestOf(await third.said(/^try +(curl .*)$/m)))
      t.match(await other.json(), { items: [{ title: 'kept' }] })
      t.match(third.output(), `the database runs already, started by pid ${second.child.pid}\n`)

      second.child.kill('SIGTERM')
      t.equal(await second.ended, 0)
      t.equal(await third.ended, 1)
      t.match(third.output(), `the database was ended by pid ${second.child.pid}, which had started it\n`)
    }
  )

  t.test('says what is wrong with its own settings', async t => {
    const program = dev(t, { ...env, LOCAL_NEON_PORT: 'many' })

    t.equal(await program.ended, 1)
    t.equal(program.output(), 'LOCAL_NEON_PORT must be a whole number from 0 to 65535, not "many"\n')
  })
})

/** What a page gets, with a token for the name that somebody typed. */
async function frontendWorks(t: Test, url: string, apiUrl: string) {
  const askFor = (headers: Record<string, string>) =>
    fetch(`${url}/development/token`, { method: 'POST', headers, body: JSON.stringify({ user: 'bob' }) })
  t.match(await (await fetch(url)).text(), /<div id="root">/)
  t.strictSame(await (await fetch(`${url}/settings.json`)).json(), {
    apiUrl,
    signIn: { type: 'development' }
  })

  const { token } = JSON.parse(await (await askFor({ 'content-type': 'application/json' })).text())
  const headers = { authorization: `Bearer ${token}`, origin: url }
  const answer = await fetch(`${apiUrl}/tasks`, { headers })

  t.strictSame(await answer.json(), { items: [], nextCursor: null })
  t.equal(answer.headers.get('access-control-allow-origin'), url)
  t.equal((await askFor({ 'content-type': 'text/plain' })).status, 404, 'not for the form of another page')
}

/** What root alone is told, whose Postgres is another user's. */
const OF_ROOT = /^(?:Data lie in|Copying the programs) /

/** What stands behind `npm run dev` in its first section. */
function blockOf(readme: string): string[] {
  const [, block = ''] = /npm run dev\n```\n\n```\n([\s\S]*?)```/.exec(readme) ?? []
  return block.trim().split('\n')
}

/** Ports, the password and the token are others each time. */
function withoutValues(line: string): string {
  return line
    .replace(/127\.0\.0\.1:\d+/, '127.0.0.1:N')
    .replace(/neondb_owner:[\w-]+@/, 'neondb_owner:…@')
    .replace(/console#[\w.…-]+/, 'console#…')
    .replace(/Bearer [\w.…-]+/, 'Bearer …')
}
