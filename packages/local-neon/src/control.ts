/**
 * Owns the control interface: what a test does by calls, a person does over HTTP on the
 * loopback interface. A page in a browser cannot use it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { LocalNeonError } from './failure.ts'
import { checkFault } from './faults/fault.ts'
import type { Injection } from './faults/registry.ts'
import type { BackendFilter } from './kill.ts'
import { HOST, listen } from './listen.ts'
import type { LocalNeon } from './local-neon.ts'

export interface Control {
  port: number
  close(): Promise<void>
}

/** What can be controlled: everything of a local Neon but its beginning and end. */
export type Controlled = Pick<
  LocalNeon,
  'state' | 'meter' | 'suspend' | 'wake' | 'inject' | 'faults' | 'killBackends' | 'observe'
>

/** A request that cannot be served, with the status that says why. */
class RequestError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const MAX_BODY_BYTES = 16_384

type Handler = (body: unknown, id: string) => unknown

export async function openControl(neon: Controlled, askedPort: number): Promise<Control> {
  const routes = routesOf(neon)
  const server = createServer((request, response) => {
    answer(request, response).catch(error => sendError(response, error))
  })
  const { port } = await listen(server, askedPort)
  return { port, close }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    refuseBrowsers(request)
    const [, name = '', id = ''] = String(request.url).split('/')
    if (request.method === 'GET' && name === 'events') return follow(response)
    const handler = routes.get(`${request.method} /${name}`)
    if (handler === undefined)
      throw new RequestError(404, `there are: ${[...routes.keys()].join(', ')}, GET /events`)
    const result = await handler(await bodyOf(request), id)
    send(response, result === undefined ? 204 : 200, result)
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
    ['DELETE /faults', (_body, id) => remove(neon, id)]
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

/** A web page must not be able to stop the database of whoever looks at it; nor by a name that leads here. */
function refuseBrowsers({ headers, method }: IncomingMessage): void {
  const { host = '' } = headers
  if (headers.origin !== undefined || !/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(host))
    throw new RequestError(403, 'not from a browser, and only as 127.0.0.1 or localhost')
  if (
    method === 'POST' &&
    headers['content-length'] !== '0' &&
    headers['content-type'] !== 'application/json'
  )
    throw new RequestError(415, 'send JSON, with content-type: application/json')
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
