/**
 * A process with the clients that overload: each sends the next request as soon as it is answered, whatever the answer
 * was, and connects again as soon as its connection is closed. Bare sockets, so that the load is not what limits.
 */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { takeOrders } from '../process/orders.ts'

export interface LoadOrder {
  port: number
  connections: number
  seconds: number
  /** One for each connection, in turn. */
  authorizations: string[]
}

export interface LoadResult {
  /** Answers by status. */
  answers: Record<string, number>
  /** The same from the moment at which all were connected, and for how long; all of it where that never came. */
  steady: { answers: Record<string, number>; seconds: number }
  /** Connections that were made, and those that failed or were closed. */
  connected: number
  closed: number
}

const HEAD_END = '\r\n\r\n'
// A client that cannot connect would otherwise do nothing else.
const RECONNECT_MS = 10

takeOrders({}, async () => {}, run)

async function run({ port, connections, seconds, authorizations }: LoadOrder): Promise<LoadResult> {
  const result = { answers: {} as Record<string, number>, connected: 0, closed: 0 }
  let steady: Record<string, number> = result.answers
  let steadyAt = performance.now()
  const ends = new Set<() => void>()
  let isOver = false
  for (let index = 0; index < connections; index += 1)
    open(
      `GET /tasks?limit=5 HTTP/1.1\r\nHost: edge\r\nAuthorization: ${authorizations[index % authorizations.length]}${HEAD_END}`
    )
  await sleep(seconds * 1000)
  isOver = true
  for (const end of ends) end()
  return { ...result, steady: { answers: steady, seconds: (performance.now() - steadyAt) / 1000 } }

  function open(request: string) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const end = () => socket.destroy()
    let rest = ''
    ends.add(end)
    socket.setEncoding('latin1')
    socket.on('connect', () => {
      result.connected += 1
      if (result.connected === connections) {
        steady = {}
        steadyAt = performance.now()
      }
      socket.write(request)
    })
    socket.on('data', (chunk: string) => {
      rest += chunk
      const size = answerSize(rest)
      if (size === undefined || rest.length < size) return
      const status = rest.slice(9, 12)
      rest = rest.slice(size)
      for (const answers of new Set([result.answers, steady])) answers[status] = (answers[status] ?? 0) + 1
      if (!isOver) socket.write(request)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      ends.delete(end)
      if (isOver) return
      result.closed += 1
      setTimeout(() => !isOver && open(request), RECONNECT_MS)
    })
  }
}

function answerSize(text: string): number | undefined {
  const head = text.indexOf(HEAD_END)
  if (head === -1) return undefined
  const [, length = '0'] = /content-length: (\d+)/i.exec(text.slice(0, head)) ?? []
  return head + HEAD_END.length + Number(length)
}
