/**
 * `npm --prefix bench run batching`: what it brings to join the messages of a query into one WebSocket
 * message, by when they are joined, and what bufferutil adds to it. The last line is JSON.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { WebSocket as WebSocketWithBufferutil } from 'ws-with-bufferutil'
import { onStopSignal } from '../../packages/local-neon/src/cli/stop-signals.ts'
import { median, round, spread } from '../endpoint/figures.ts'
import type { LocalNeonReady } from '../endpoint/local-neon.ts'
import {
  AUTHENTICATION,
  createSplitter,
  DATA_ROW,
  extendedMessages,
  type Login,
  passwordMessage,
  READY,
  startup
} from '../endpoint/messages.ts'
import { type ContestantProcess, startProcess } from '../process/process.ts'

/** Calls back when what was sent in the meantime is to go out. */
type Defer = (flush: () => void) => void

/** Undefined sends each message by itself. */
const WAYS: Record<string, Defer | undefined> = {
  'not joined': undefined,
  nextTick: flush => process.nextTick(flush),
  microtask: flush => queueMicrotask(flush),
  setImmediate: flush => setImmediate(flush)
}
const SOCKETS = { without: WebSocket, with: WebSocketWithBufferutil }
const LOADS = [
  { atOnce: 1, connections: 1 },
  { atOnce: 100, connections: 10 }
]
const ROUNDS = 7
const WARM_UP_MS = 100
const MEASURE_MS = 300
/** As the driver sends one: Parse, Bind, Describe, Execute and Sync. */
const MESSAGES = extendedMessages('select $1::int4', '42')

interface Case {
  way: string
  bufferutil: keyof typeof SOCKETS
  atOnce: number
  connections: number
}

interface Connection {
  ask(): Promise<void>
  close(): void
}

let neon: ContestantProcess<LocalNeonReady> | undefined
onStopSignal(() => {
  if (neon) neon.end().then(() => process.exit(1))
  else process.exit(1)
})

try {
  neon = await startProcess<LocalNeonReady>(new URL('../endpoint/local-neon.ts', import.meta.url))
  report(await measureAll(new URL(neon.ready.url)))
} finally {
  await neon?.end()
}
// The watch on signals would keep the process.
process.exit()

async function measureAll(url: URL): Promise<Map<Case, number[]>> {
  const cases: Case[] = LOADS.flatMap(load =>
    Object.keys(WAYS).flatMap(way => [
      { ...load, way, bufferutil: 'without' as const },
      { ...load, way, bufferutil: 'with' as const }
    ])
  )
  const rates = new Map<Case, number[]>(cases.map(one => [one, []]))
  for (let turn = 0; turn < ROUNDS; turn += 1) {
    const order = [...cases.slice(turn % cases.length), ...cases.slice(0, turn % cases.length)]
    for (const one of order) rates.get(one)?.push(await measure(url, one))
  }
  return rates
}

/** Queries per second. */
async function measure(url: URL, { way, bufferutil, atOnce, connections }: Case): Promise<number> {
  const open = () => connect(url, SOCKETS[bufferutil], WAYS[way])
  const opened = await Promise.all(Array.from({ length: connections }, open))
  let answers = 0
  let isOver = false
  const loops = Promise.all(Array.from({ length: atOnce }, (_, index) => askOn(opened[index % connections])))
  await sleep(WARM_UP_MS)
  const startMs = performance.now()
  const before = answers
  await sleep(MEASURE_MS)
  const rate = ((answers - before) / (performance.now() - startMs)) * 1000
  isOver = true
  await loops
  for (const connection of opened) connection.close()
  return rate

  async function askOn(connection: Connection | undefined) {
    while (!isOver) {
      await connection?.ask()
      answers += 1
    }
  }
}

async function connect(url: URL, Socket: typeof WebSocket, defer: Defer | undefined): Promise<Connection> {
  const socket = new Socket(`ws://${url.host}/v2`, { perMessageDeflate: false })
  await once(socket, 'open')
  const login: Login = { user: url.username, password: url.password, database: url.pathname.slice(1) }
  const send = defer ? joined(socket, defer) : (bytes: Buffer) => socket.send(bytes)
  const waiting: ((rows: number) => void)[] = []
  let rows = 0
  const split = createSplitter(type => {
    if (type === DATA_ROW) rows += 1
    else if (type === AUTHENTICATION) password?.()
    else if (type === READY) {
      waiting.shift()?.(rows)
      rows = 0
    }
  })
  let password: (() => void) | undefined = () => {
    password = undefined
    send(passwordMessage(login.password))
  }
  socket.on('message', (bytes: Buffer) => split(bytes))
  await answerTo([startup(login)])
  return { ask, close: () => socket.close() }

  async function ask() {
    const count = await answerTo(MESSAGES)
    if (count !== 1) throw new Error(`the answer has ${count} rows`)
  }

  /** Resolves with how many rows there are. */
  function answerTo(messages: readonly Buffer[]): Promise<number> {
    return new Promise(resolve => {
      waiting.push(resolve)
      for (const message of messages) send(message)
    })
  }
}

function joined(socket: WebSocket, defer: Defer): (bytes: Buffer) => void {
  let held: Buffer[] = []
  return bytes => {
    if (held.push(bytes) === 1) defer(flush)
  }

  function flush() {
    const message = Buffer.concat(held)
    held = []
    socket.send(message)
  }
}

function report(rates: ReadonlyMap<Case, readonly number[]>) {
  const rows = [...rates].map(([{ way, bufferutil, atOnce }, values]) => ({
    way,
    bufferutil,
    atOnce,
    perSecond: round(median(values), 0),
    spread: round(spread(values), 2)
  }))
  const lines = rows.map(({ way, bufferutil, atOnce, perSecond, spread: apart }) =>
    [
      `${atOnce} at once`.padStart(11),
      way.padEnd(12),
      `${bufferutil} bufferutil`.padEnd(18),
      `${perSecond} /s`.padStart(9),
      `spread ${(apart * 100).toFixed(0)} %`
    ].join('  ')
  )
  process.stdout.write(`${lines.join('\n')}\n\n${JSON.stringify(rows)}\n`)
}
