/**
 * Owns the control interface: what a test does by calls, a person does over HTTP on the
 * loopback interface, or in a browser with the console, which it serves.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { checkCaller, checkHost, checkToken } from './console/access.ts'
import { readPage, SECURITY_HEADERS } from './console/page.ts'
import { RequestError } from './console/request-error.ts'
import type { ReadView } from './console/view.ts'
import { LocalNeonError } from './failure.ts'
import { checkFault, FaultSchema } from './faults/fault.ts'
import type { Injection } from './faults/registry.ts'
import type { BackendFilter } from './kill.ts'
import { HOST, listen } from './listen.ts'
import type { LocalNeon } from './local-neon.ts'
import { REFUSALS } from './proxy/refusals.ts'

export interface Control {
  port: number
  close(): Promise<void>
}

/** What can be controlled: everything of a local Neon but its beginning and end. */
export type Controlled = Pick<
  LocalNeon,
  'state' | 'meter' | 'suspend' | 'wake' | 'inject' | 'faults' | 'killBackends' | 'observe'
>

export interface ControlOptions {
  neon: Controlled
  /** Port at 127.0.0.1; 0 is any free one, and so is one that is taken. */
  port: number
  /** What the console has to bring. */
  token: string
  readView: ReadView
  /** How long a view waits for a change, in ms. What has no event, such as the meter, is as old at most. @default 1000 */
  viewPatienceMs?: number
}

const MAX_BODY_BYTES = 16_384
const VIEW_PATIENCE_MS = 1_000

type Handler = (body: unknown, id: string) => unknown

export async function openControl(options: ControlOptions): Promise<Control> {
  const { neon, port: askedPort, token, readView, viewPatienceMs = VIEW_PATIENCE_MS } = options
  const routes = routesOf(neon)
  const server = createServer((request, response) => {
    answer(request, response).catch(error => sendError(response, error))
  })
  const { port } = await listen(server, askedPort)
  return { port, close }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value)
    checkHost(request)
    const [path = '', query = ''] = String(request.url).split('?')
    const [, name = '', id = ''] = path.split('/')
    // Its files have nothing in them that is secret.
    if (request.method === 'GET' && name === 'console') return await sendPage(response, id)
    checkCaller(request, token)
    if (request.method === 'GET' && name === 'events') return follow(response)
    if (request.method === 'GET' && name === 'view') {
      // Statements are for nobody else on this machine.
      checkToken(request.headers, token)
      return await sendView(response, query)
    }
    const handler = routes.get(`${request.method} /${name}`)
    if (handler === undefined)
      throw new RequestError(404, `there are: ${[...routes.keys()].join(', ')}, GET /events, GET /console`)
    const result = await handler(await bodyOf(request), id)
    send(response, result === undefined ? 204 : 200, result)
  }

  /** Waits for a change, so that the console shows it at once. */
  async function sendView(response: ServerResponse, query: string): Promise<void> {
    const seen = new URLSearchParams(query)
    const patience = new AbortController()
    const timer = setTimeout(() => patience.abort(), viewPatienceMs)
    response.once('close', () => patience.abort())
    try {
      const after = Number(seen.get('after'))
      send(response, 200, await readView({ boot: seen.get('boot'), after }, patience.signal))
    } finally {
      clearTimeout(timer)
    }
  }

  /** One JSON object a line, for as long as the client listens. */
  function follow(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders()
    const stop = neon.observe(event => response.write(`${JSON.stringify(event)}\n`))
    response.once('close', stop)
  }

  async function close(): Promise<void> {
    const closed = new Promise(resolve => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
}

function routesOf(neon: Controlled): Map<string, Handler> {
  const status = () => ({ state: neon.state, meter: neon.meter(), faults: neon.faults().map(describe) })
  return new Map<string, Handler>([
    ['GET /', status],
    ['POST /suspend', () => neon.suspend().then(status)],
    ['POST /wake', () => neon.wake().then(status)],
    ['POST /kill', async body => ({ killed: await neon.killBackends(filterFrom(body)) })],
    ['GET /faults', () => neon.faults().map(describe)],
    ['POST /faults', body => describe(neon.inject(checkFault(body)))],
    ['DELETE /faults', (_body, id) => remove(neon, id)],
    ['GET /fault-types', () => ({ schema: FaultSchema, texts: Object.keys(REFUSALS) })]
  ])
}

function remove(neon: Controlled, id: string): void {
  const found = neon.faults().filter(fault => id === '' || fault.id === id)
  if (found.length === 0 && id !== '') throw new RequestError(404, `there is no fault ${id}`)
  for (const fault of found) fault.remove()
}

function describe({ id, hits, fault }: Injection) {
  return { id, hits, fault }
}

function filterFrom(body: unknown): BackendFilter {
  const given = new Map<string, unknown>(
    typeof body === 'object' && body !== null ? Object.entries(body) : []
  )
  const string = (name: string) => (given.has(name) ? String(given.get(name)) : undefined)
  return {
    ...(given.has('processId') && { processId: Number(given.get('processId')) }),
    database: string('database'),
    user: string('user'),
    applicationName: string('applicationName')
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
  if (encoding !== undefined || !(Number(length) <= MAX_BODY_BYTES))
    throw new RequestError(413, `at most ${MAX_BODY_BYTES} bytes`)
  const sent = await text(request)
  if (sent === '') return undefined
  try {
    return JSON.parse(sent)
  } catch {
    throw new RequestError(400, 'that is not JSON')
  }
}

async function sendPage(response: ServerResponse, name: string): Promise<void> {
  const { type, content } = await readPage(name)
  response.writeHead(200, { 'content-type': type }).end(content)
}

function sendError(response: ServerResponse, error: unknown): void {
  if (error instanceof RequestError) send(response, error.status, { message: error.message })
  else if (error instanceof LocalNeonError) send(response, 400, { code: error.code, message: error.message })
  else send(response, 500, { message: String(error) })
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
  response.end(body === undefined ? undefined : `${JSON.stringify(body)}\n`)
}

export function controlUrl(port: number): string {
  return `http://${HOST}:${port}`
}

/** What follows # is not sent, and not passed on to other sites. */
export function consoleUrl(port: number, token: string): string {
  return `${controlUrl(port)}/console#${token}`
}
