import { readdirSync } from 'node:fs'
import t from 'tap'
import { openFakeControl, statusOf } from '../fixtures/control.ts'

const FILES = readdirSync(new URL('../../console/', import.meta.url))

t.test('the files of the console', async t => {
  const { url, port } = await openFakeControl(t)

  t.test('are served with their types, to whoever asks', async t => {
    const types = ['text/html', 'text/css', 'text/javascript', 'image/svg+xml']
    for (const file of FILES) {
      const response = await fetch(`${url}/console/${file}`)
      t.equal(response.status, 200, file)
      t.ok(types.includes(String(response.headers.get('content-type')).replace(/;.*/, '')), file)
    }
    t.match(await (await fetch(`${url}/console`)).text(), '<title>Local Neon</title>')
  })

  t.test('are those that the page asks for, and no others', async t => {
    const asked = new Set(['index.html'])
    for (const file of FILES) {
      const text = await (await fetch(`${url}/console/${file}`)).text()
      for (const [, name = ''] of text.matchAll(/(?:"\/console\/|from '\.\/)([\w-]+\.\w+)/g)) asked.add(name)
      t.notMatch(text, /(?:src|href)="(?:https?:)?\/\//, 'nothing comes from elsewhere')
    }

    t.strictSame([...asked].sort(), FILES.sort())
  })

  t.test('come with a policy that lets nothing else run or be loaded, and no page frame them', async t => {
    const { headers } = await fetch(`${url}/console`)

    const policy = String(headers.get('content-security-policy'))
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'"
    ])
      t.ok(policy.split('; ').includes(part), part)
    t.notMatch(policy, 'unsafe')
    t.match(Object.fromEntries(headers), {
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store'
    })
  })

  t.test('are all that is served of the disk', async t => {
    for (const path of [
      '/console/none.js',
      '/console/..%2fpackage.json',
      '/console/../package.json',
      '/console/%2e%2e%2fpackage.json',
      '/console/index.html%00.js',
      '/console/.js'
    ])
      t.equal(await statusOf(port, { path }), 404, path)
    t.equal(await statusOf(port, { path: '/console', host: 'rebound.example' }), 403)
  })
})
