/**
 * The built frontend on an origin of its own, under the policy that docs/how-to/frontend.md names, as a web server would have it.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { listen } from '../../packages/local-neon/src/listen.ts'
import { ROOT } from '../../test/support/processes.ts'
import { developmentAnswers, FRONTEND } from '../development.ts'
import type { Settings } from '../src/services/settings.ts'

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml'
}

let built: Promise<string> | undefined

/** Once for all tests of this process. Resolves with the folder. */
export function buildFrontend(): Promise<string> {
  built ??= build()
  return built
}

async function build(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'frontend-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const vite = fileURLToPath(new URL('bin/vite.js', import.meta.resolve('vite/package.json')))
  const { PATH, HOME } = process.env
  // A process of its own: the environment of the tests would change what is built.
  await promisify(execFile)(
    process.execPath,
    [vite, 'build', '--outDir', folder, '--emptyOutDir', '--logLevel', 'warn'],
    { cwd: FRONTEND, env: { PATH, HOME } }
  )
  return folder
}

/** As docs/how-to/frontend.md has it, for these origins. */
export function contentSecurityPolicy(apiUrl: string, issuer: string | undefined): string {
  const [policy = ''] =
    /default-src 'none'; [^"`\n]+/.exec(readFileSync(join(ROOT, 'docs/how-to/frontend.md'), 'utf8')) ?? []
  return policy
    .replace('https://api.example', apiUrl)
    .replace('https://issuer.example', issuer === undefined ? '' : new URL(issuer).origin)
}

export interface Site {
  origin: string
  /** To be set before the first page is opened. */
  settings: Settings
}

/** `sign` makes the tokens of whoever types a name. */
export async function serveFrontend(t: Test, sign: (user: string) => Promise<string>): Promise<Site> {
  const folder = await buildFrontend()
  const settings: Settings = { apiUrl: '', signIn: { type: 'development' } }
  const development = developmentAnswers({ apiUrl: () => settings.apiUrl, sign })
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1')
    const { apiUrl, signIn } = settings
    response.setHeader(
      'content-security-policy',
      contentSecurityPolicy(apiUrl, signIn.type === 'oidc' ? signIn.issuer : undefined)
    )
    if (signIn.type === 'oidc' && pathname === '/settings.json')
      send(response, '.json', JSON.stringify(settings))
    else development(request, response, () => sendFile(response, folder, pathname))
  })
  const { port } = await listen(server, 0)
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { origin: `http://127.0.0.1:${port}`, settings }
}

async function sendFile(response: ServerResponse, folder: string, pathname: string) {
  const name = pathname === '/' ? '/index.html' : pathname
  try {
    send(response, extname(name), await readFile(join(folder, name)))
  } catch {
    response.writeHead(404).end()
  }
}

function send(response: ServerResponse, extension: string, content: string | Buffer) {
  response.writeHead(200, { 'content-type': TYPES[extension] ?? 'application/octet-stream' }).end(content)
}
