/**
 * The frontend under `npm run dev`: Vite with reload, the settings of this service, and a token for whoever types a name.
 */
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createServer } from 'vite'
import type { Settings } from './src/services/settings.ts'

export const FRONTEND = fileURLToPath(new URL('.', import.meta.url))

export interface DevelopmentOptions {
  /** Undefined while the service has not started. */
  apiUrl: () => string | undefined
  /** A token for this name; without it users sign in as public/settings.json says. */
  sign: ((user: string) => Promise<string>) | undefined
}

export interface Frontend {
  url: string
  close(): Promise<void>
}

/** On Vite's port, or the next one that is free. */
export async function startFrontend(options: DevelopmentOptions): Promise<Frontend> {
  const server = await createServer({
    root: FRONTEND,
    logLevel: 'warn',
    clearScreen: false,
    server: { host: '127.0.0.1' },
    plugins: [
      {
        name: 'development',
        configureServer: ({ middlewares }) => void middlewares.use(developmentAnswers(options))
      }
    ]
  })
  await server.listen()
  const address = server.httpServer?.address()
  const taken = typeof address === 'object' ? address?.port : undefined
  return { url: `http://127.0.0.1:${taken}`, close: () => server.close() }
}

type Next = (error?: unknown) => void

/** What only development answers. */
export function developmentAnswers({ apiUrl, sign }: DevelopmentOptions) {
  return (request: IncomingMessage, response: ServerResponse, next: Next) => {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1')
    if (pathname === '/settings.json') sendSettings(response).catch(next)
    else if (pathname === '/development/token') sendToken(request, response).catch(next)
    else next()
  }

  async function sendSettings(response: ServerResponse) {
    const kept: Settings = JSON.parse(await readFile(`${FRONTEND}public/settings.json`, 'utf8'))
    const settings = { apiUrl: apiUrl(), signIn: sign ? { type: 'development' } : kept.signIn }
    sendJson(response, apiUrl() === undefined ? 503 : 200, settings)
  }

  async function sendToken(request: IncomingMessage, response: ServerResponse) {
    // Of another page a browser would ask first whether it may send this type, and it may not.
    const isJson = request.headers['content-type'] === 'application/json'
    if (request.method !== 'POST' || !isJson || sign === undefined) return sendJson(response, 404, {})
    const { user } = JSON.parse(await text(request))
    sendJson(response, 200, { token: await sign(user) })
  }
}

function sendJson(response: ServerResponse, status: number, body: object) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}
