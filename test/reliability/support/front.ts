/**
 * A way to the local Neon that can be shut, and that says in its place what it cannot be told to say.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, STATUS_CODES } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import { describeFailure } from '../../../packages/fastify-neon/src/errors/failure.ts'
import { message } from '../../../packages/fastify-neon/test/support/scripted-server.ts'
import { listen } from '../../../packages/local-neon/src/listen.ts'
import type { LocalNeon } from '../../../packages/local-neon/src/local-neon.ts'
import { until } from '../../support/app.ts'
import type { Service } from './service.ts'

export type FrontAnswer =
  /** The connection is taken, and then nothing; or reset at once. */
  | 'silence'
  | 'reset'
  /** The upgrade is answered with this, and there is no WebSocket. */
  | { upgrade: string }
  /** The WebSocket opens, and the start-up message is answered with this, or with silence. */
  | { login: Buffer | 'silence' }
  /** TLS is begun with this. */
  | { tls: SecureContextOptions }

export interface Front {
  /** The URL of a database, by this way. */
  through(url: string): string
  /** From now on answers so many connections, and ends those that there are; all others lead to the local Neon. */
  answer(answer: FrontAnswer, times?: number): void
  heal(): void
  /** Connections that came since the last `answer`, and were answered with it. */
  readonly answered: number
  /** Connections that are open. */
  readonly open: number
  /** Nothing listens at the port from now on, and nobody else gets it. */
  shut(): void
  listen(): Promise<void>
}

export async function openFront(t: Test, neon: LocalNeon): Promise<Front> {
  const sockets = new Set<Socket>()
  const answers = new WeakMap<Duplex, Buffer | 'silence' | string>()
  const webSockets = new WebSocketServer({ noServer: true })
  const http = createHttpServer().on('upgrade', answerUpgrade)
  const server = createServer()
  let scripted: FrontAnswer | undefined
  let left = 0
  let answered = 0

  const { port } = await listen(server, 0)
  // The system gives a port to nobody else while there is a connection to it.
  const keeper = connect(port, '127.0.0.1').on('error', ignore)
  const [kept]: Socket[] = await once(server, 'connection')
  server.on('connection', takeIn)
  t.teardown(() => {
    keeper.destroy()
    kept?.destroy()
    endAll()
    server.close()
  })

  return {
    through: url => Object.assign(new URL(url), { port: String(port) }).href,
    answer(answer, times = Number.POSITIVE_INFINITY) {
      scripted = answer
      left = times
      answered = 0
      endAll()
    },
    heal() {
      scripted = undefined
    },
    get answered() {
      return answered
    },
    get open() {
      return sockets.size
    },
    shut() {
      server.close()
      endAll()
    },
    async listen() {
      await listen(server, port)
    }
  }

  function takeIn(socket: Socket) {
    sockets.add(socket)
    socket.on('error', ignore).on('close', () => sockets.delete(socket))
    if (scripted === undefined || left === 0) return lead(socket)
    left -= 1
    answered += 1
    begin(socket, scripted)
  }

  function lead(socket: Socket) {
    const upstream = connect(neon.port, '127.0.0.1').on('error', ignore)
    socket.on('close', () => upstream.destroy())
    upstream.on('close', () => socket.destroy())
    socket.pipe(upstream).pipe(socket)
  }

  function begin(socket: Socket, answer: FrontAnswer) {
    if (answer === 'reset') return void socket.resetAndDestroy()
    if (answer === 'silence') return void socket.resume()
    if ('tls' in answer) {
      const secureContext = createSecureContext(answer.tls)
      const secured = new TLSSocket(socket, { isServer: true, secureContext })
      return void secured.on('error', () => socket.destroy()).resume()
    }
    answers.set(socket, 'upgrade' in answer ? answer.upgrade : answer.login)
    http.emit('connection', socket)
  }

  function answerUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
    const answer = answers.get(socket)
    if (typeof answer === 'string' && answer !== 'silence') return void socket.end(answer)
    webSockets.handleUpgrade(request, socket, head, webSocket => {
      webSocket.on('error', ignore)
      if (answer === undefined || answer === 'silence') return
      webSocket.once('message', () => {
        webSocket.send(answer)
        webSocket.close()
      })
    })
  }

  function endAll() {
    for (const socket of sockets) socket.destroy()
  }
}

/** An answer to an upgrade that is none of a WebSocket. */
export function upgradeAnswer(status: number, headers: Record<string, string> = {}, body = ''): FrontAnswer {
  const all = { ...headers, connection: 'close', 'content-length': String(Buffer.byteLength(body)) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return { upgrade: `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}` }
}

/** An ErrorResponse to a login: of Neon's proxy, whose severity is ERROR, unless it is Postgres that says it. */
export function refusal(sqlState: string, text: string): FrontAnswer {
  const severity = sqlState === 'XX000' ? 'ERROR' : 'FATAL'
  const fields = [`S${severity}`, `V${severity}`, `C${sqlState}`, `M${text}`]
  return { login: Buffer.from(message('E', [...Buffer.from(`${fields.join('\0')}\0`), 0])) }
}

/** The service has lost its connections, none of them still under way, and the next ones are answered like this. Its log begins here. */
export async function cutOff(service: Service, front: Front, answer: FrontAnswer, times?: number) {
  await until(() => {
    const { total, idle, waiting } = service.stats()
    return waiting === 0 && total === idle && isReached(service)
  })
  service.logs.length = 0
  front.answer(answer, times)
  await until(() => service.stats().total === 0)
}

/** What failed before the last outage was over may be told behind its end; health asks once more then. */
function isReached({ logs }: Service): boolean {
  const last = logs.filter(({ msg }) => /^database (?:not )?reached$/.test(`${msg}`)).at(-1)
  return last?.msg !== 'database not reached'
}

/** A write that may be repeated. */
export const writeKeyed = (service: Service) => service.write('alice', { key: randomUUID() })

export const writeKeyedTimes = (service: Service, times: number) =>
  Promise.all(Array.from({ length: times }, () => writeKeyed(service)))

/** All who wait are refused after one try, and the one log line has these facts, also when the first try was one of the health plugin. */
export async function expectRefused(t: Test, service: Service, front: Front, facts: object) {
  const before = front.answered
  for (const answer of await writeKeyedTimes(service, 8)) {
    t.match(answer, { status: 503, code: 'FST_NEON_REFUSED', outcome: 'failed' })
    t.equal(answer.headers?.get('retry-after'), null)
  }
  t.ok(front.answered <= before + 1, 'one try for all who wait')
  t.match(said(service, 'database not reached'), [{ level: 40, code: 'FST_NEON_REFUSED', ...facts }])
  t.equal(said(service, 'database not reached').length, 1)
}

/** The codes of the errors that connects fail with from now on. */
export function watchCauses(service: Service): ReadonlySet<string> {
  const causes = new Set<string>()
  service.app.db.$client.observe(event => {
    if ('failure' in event) causes.add(describeFailure(event.failure).causeCode ?? '')
  })
  return causes
}

/** What the service has logged with this text. */
export function said(service: Service, text: string) {
  return service.logs.filter(({ msg }) => msg === text)
}

function ignore() {}
