/**
 * The site of the documentation: it builds, each of its links leads somewhere, its search finds, and it loads nothing
 * from another host.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import t, { type Test } from 'tap'
import { NO_BROWSER, openBrowser } from '../support/browser.ts'
import { ROOT } from '../support/processes.ts'
import { temporaryPath } from '../support/temporary-folder.ts'

// As on GitHub Pages, where the site of a project is in a folder.
const REPOSITORY = 'owner/name'
const BASE = '/name/'

const TYPES: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml'
}

const SOURCES = ['docs', 'packages', 'site', 'tsconfig.base.json']
const MADE = /node_modules|dist$|\/site\/pages$|\.vitepress\/cache/

const project = copySources()
const dist = join(project, 'site/.vitepress/dist')
const installed = await npm('ci')
const built = await npm('run', 'build')
const files = existsSync(dist) ? readdirSync(dist, { recursive: true, encoding: 'utf8' }) : []
const pages = new Map(files.filter(file => file.endsWith('.html')).map(file => [file, read(file)]))

t.teardown(() => rmSync(project, { recursive: true, force: true }))

t.test('the site is built', async t => {
  t.equal(installed.code, 0, installed.text)
  t.equal(built.code, 0, built.text)
})

t.test('it has a page for each page of docs/, and for each module of the packages', async t => {
  const documents = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.md') && file !== 'README.md')
    .map(file => file.replace(/README\.md$/, 'index.md').replace(/\.md$/, '.html'))

  for (const page of [...documents, 'api/fastify-neon/db.html', 'api/local-neon.html'])
    t.ok(pages.has(page), page)
})

t.test('each link leads to a page, with its anchor', async t => {
  const broken = [...pages].flatMap(([page, html]) =>
    linksOf(html)
      .map(link => new URL(link, `https://site${BASE}${page}`))
      .filter(url => url.host === 'site' && !leadsSomewhere(url))
      .map(url => `${page}: ${url.pathname}${url.hash}`)
  )

  t.strictSame(broken, [])
})

t.test('a file outside of docs/ is linked in the repository', async t => {
  const links = [...pages.values()].flatMap(linksOf)

  t.ok(links.includes(`https://github.com/${REPOSITORY}/blob/main/src/limits.ts`))
})

t.test(
  'in a browser it loads nothing from another host, and its search finds a page',
  { skip: NO_BROWSER },
  async t => {
    const origin = await serve(t)
    const page = await (await openBrowser(t)).newPage()
    const elsewhere: string[] = []
    page.on('request', request => {
      if (!request.url().startsWith(origin) && !request.url().startsWith('data:'))
        elsewhere.push(request.url())
    })

    await page.goto(`${origin}${BASE}reference/errors`)
    await page.keyboard.press('Control+k')
    await page.fill('.search-input', 'commit outcome unknown')
    const found = await page.waitForSelector('.result')

    t.match(await found.getAttribute('href'), BASE)
    t.strictSame(elsewhere, [])
  }
)

t.test('a link to a page that is not there fails the build', async t => {
  writeFileSync(join(project, 'docs/dead.md'), '# Dead\n\n[nowhere](reference/nowhere.md)\n')
  const { code, text } = await npm('run', 'build')

  t.not(code, 0)
  t.match(text, /dead link/i)
})

function copySources(): string {
  const folder = mkdtempSync(temporaryPath('site'))
  for (const path of SOURCES)
    cpSync(join(ROOT, path), join(folder, path), { recursive: true, filter: source => !MADE.test(source) })
  // The types that those of the packages are made of.
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

function npm(...args: string[]): Promise<{ code: number; text: string }> {
  // Without what loads TypeScript into the processes of tests.
  const { NODE_OPTIONS: _, ...env } = process.env
  const onGitHub = { GITHUB_SERVER_URL: 'https://github.com', GITHUB_REPOSITORY: REPOSITORY }
  return new Promise(resolve => {
    const child = execFile(
      'npm',
      ['--prefix', join(project, 'site'), ...args],
      { cwd: project, env: { ...env, ...onGitHub } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? 1, text: stdout + stderr })
    )
  })
}

function read(file: string): string {
  return readFileSync(join(dist, file), 'utf8')
}

function linksOf(html: string): string[] {
  return [...html.matchAll(/<a [^>]*href="([^"]*)"/g)].map(([, href = '']) => href.replaceAll('&amp;', '&'))
}

function leadsSomewhere({ pathname, hash }: URL): boolean {
  const html = pages.get(fileOf(pathname))
  const id = decodeURIComponent(hash.slice(1))
  return html !== undefined && (id === '' || html.includes(`id="${id}"`))
}

/** As GitHub Pages finds it. */
function fileOf(pathname: string): string {
  const path = pathname.slice(BASE.length)
  if (path === '' || path.endsWith('/')) return `${path}index.html`
  return extname(path) === '' || !files.includes(path) ? `${path}.html` : path
}

async function serve(t: Test): Promise<string> {
  const server = createServer((request, response) => {
    const file = fileOf(new URL(request.url ?? '', 'http://site').pathname)
    const found = files.includes(file)
    response.writeHead(found ? 200 : 404, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream'
    })
    response.end(found ? readFileSync(join(dist, file)) : '')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}
