import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { buildFrontend } from './site.ts'

const MAX_SCRIPT_BYTES = 100 * 1000

const folder = await buildFrontend()
const page = readFileSync(join(folder, 'index.html'), 'utf8')

t.test('the build', async t => {
  t.test('loads less than 100 KB of script at first, gzipped', async t => {
    const scripts = [...page.matchAll(/(?:src|href)="([^"]+\.js)"/g)].map(([, file = '']) => file)
    const bytes = scripts.map(file => gzipSync(readFileSync(join(folder, file))).length)
    const total = bytes.reduce((sum, size) => sum + size, 0)
    t.comment(`${total} bytes of script at first`)

    t.ok(scripts.length > 0)
    t.ok(total < MAX_SCRIPT_BYTES, `${total} bytes`)
    t.ok(total > 30_000, 'and it is the whole of it')
  })

  t.test('loads what only a provider needs when it is needed', async t => {
    const chunks = readdirSync(join(folder, 'assets')).filter(file => file.endsWith('.js'))

    t.ok(chunks.some(file => file.startsWith('oidc-')))
    t.notMatch(page, /oidc-/)
  })

  t.test('has no script or style in the page, and works in any folder of a server', async t => {
    t.notMatch(page, /<style|style=|\son\w+=|<script(?![^>]* src=)/)
    for (const [, address = ''] of page.matchAll(/(?:src|href)="([^"]+)"/g)) t.match(address, /^\.\//)
  })

  t.test('is no development build', async t => {
    for (const file of readdirSync(join(folder, 'assets')))
      t.notMatch(readFileSync(join(folder, 'assets', file), 'utf8'), /Download the React DevTools/)
  })
})
