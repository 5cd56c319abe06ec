import t, { type Test } from 'tap'
import { dev, localSettings, requestOf } from './dev-process.ts'

t.test('npm run dev', async t => {
  t.test(
    'starts a database, applies the migrations and serves, and keeps the data for the next time',
    async t => {
      const env = localSettings(t)
      const first = dev(t, { ...env, FRONTEND: '' })
      const [url, options] = requestOf(await first.said(/^try +(curl .*)$/m))
      const body = JSON.stringify({ title: 'kept' })
      const headers = { ...options.headers, 'content-type': 'application/json' }
      t.equal((await fetch(url, { method: 'POST', headers, body })).status, 201)
      t.match(first.output(), /^applied +0000_tasks$/m)
      t.match(first.output(), /^database +postgresql:\/\/neondb_owner:[\w-]+@127\.0\.0\.1:\d+\/neondb$/m)
      const console = await first.said(/^console +(http:.*)$/m)
      t.match(await (await fetch(console)).text(), '<title>Local Neon</title>')
      await frontendWorks(t, await first.said(/^frontend +(.*)$/m), new URL(url).origin)
      first.child.kill('SIGINT')
      t.equal(await first.ended, 0)

      const second = dev(t, { ...env, LOCAL_NEON_SUSPEND_AFTER_MS: '300' })
      const request = requestOf(await second.said(/^try +(curl .*)$/m))
      await second.said(/^stop[\s\S]*^suspend +idle for long enough$/m)
      const again = await fetch(...request)
      t.match(await again.json(), { items: [{ title: 'kept' }] })
      t.match(second.output(), /^suspend [\s\S]*^wake +after \d+ ms$/m)
      t.notMatch(second.output(), /applied|frontend/)

      second.child.kill('SIGTERM')
      t.equal(await second.ended, 0)
    }
  )

  t.test('says what is wrong with its own settings', async t => {
    const program = dev(t, { ...localSettings(t), LOCAL_NEON_PORT: 'many' })

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
