/**
 * A pooler as PgBouncer is in transaction mode, with the WebSocket of Neon in front: each transaction, until the server
 * is idle again, goes to another session. It looks at each session that comes back, and keeps what is not as new.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Test } from 'tap'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { int32, message, startupPacket } from '../../src/local/protocol/messages.ts'
import { parseStartup } from '../../src/local/protocol/startup.ts'
import { until } from '../helper.ts'
import { type Message, messagesIn } from './steps.ts'

export interface TransactionPooler {
  /** The same database, by way of the pooler. */
  through(url: string): string
  /** What sessions came back with that a new one does not have, when all have come back. */
  leftovers(): Promise<string[]>
  /** How many transactions each session has had. */
  readonly transactions: number[]
  /** Times that a session was told to prepare what a client had prepared on another. */
  readonly preparedAgain: number
}

interface Session {
  send(bytes: Buffer): void
  /** The answer, one message after the other, until ReadyForQuery; the status in it. */
  answer(onMessage: (message: Message) => void): Promise<string>
  /** The texts that it has prepared, by the name that they have here. */
  prepared: Set<string>
  key: Buffer
  close(): void
}

/** What becomes of an answer to a Parse or a Close. */
type Verdict = 'pass' | 'drop' | 'as ParseComplete'

const IDLE = 'I'
const PASSWORD_IN_THE_CLEAR = message(0x52, int32(3))
const WELCOME = Buffer.concat([
  message(0x52, int32(0)),
  message(0x53, 'server_version\x0018.0\0'),
  message(0x53, 'client_encoding\0UTF8\0')
])
const LOOK = `select concat_ws(' ',
  case when current_user <> session_user then 'role' end,
  (select string_agg(name, ' ') from pg_settings where source = 'session' and name <> 'client_encoding'),
  nullif(current_setting('app.user_id', true), ''),
  case when current_setting('transaction_read_only') = 'on' then 'read only' end,
  (select 'advisory lock' from pg_locks where pid = pg_backend_pid() and locktype = 'advisory' limit 1),
  (select 'temporary table' from pg_class where relnamespace = pg_my_temp_schema() limit 1),
  (select 'portal' from pg_cursors where name <> '' limit 1),
  (select 'statement ' || name from pg_prepared_statements where name not like 'shared\\_%' limit 1))`

export async function openTransactionPooler(t: Test, url: string, size = 3): Promise<TransactionPooler> {
  const sessions = await Promise.all(Array.from({ length: size }, () => openSession(url)))
  const free = [...sessions]
  const waiting: ((session: Session) => void)[] = []
  const transactions = sessions.map(() => 0)
  const leftovers: string[] = []
  const names = new Map<string, string>()
  const held = new Map<number, Session>()
  let clients = 0
  let preparedAgain = 0
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', serve)
  t.teardown(() => {
    for (const client of server.clients) client.terminate()
    for (const session of sessions) session.close()
    server.close()
  })
  await once(server, 'listening')
  const address = server.address()
  const port = String(typeof address === 'object' && address ? address.port : 0)

  return {
    through: direct => Object.assign(new URL(direct), { port }).href,
    async leftovers() {
      await until(() => free.length === sessions.length)
      return leftovers
    },
    transactions,
    get preparedAgain() {
      return preparedAgain
    }
  }

  function serve(client: WebSocket) {
    clients += 1
    const id = clients
    const mine = new Map<string, string>()
    let rest: Buffer = Buffer.alloc(0)
    let batch: Message[] = []
    let turn: Promise<unknown> = Promise.resolve()
    let session: Session | undefined
    client.on('error', ignore)
    client.on('message', data => {
      rest = Buffer.concat([rest, bytesOf(data)])
      if (rest[0] === 0) return logIn()
      const { messages, end } = messagesIn(rest)
      rest = rest.subarray(end)
      for (const each of messages) take(each)
    })
    // What was under way is rolled back, as PgBouncer does by ending the session; here it is kept.
    client.on('close', () => {
      turn = turn.then(async () => {
        if (session === undefined) return
        session.send(queryOf('rollback'))
        await session.answer(ignore)
        await giveBack(session)
      })
    })

    /** The start-up message may have the password right behind it. */
    function logIn() {
      const length = rest.readUInt32BE(0)
      const packet = rest.subarray(0, length)
      rest = rest.subarray(length)
      if (parseStartup(packet).kind === 'cancel') return cancel(packet.readInt32BE(8))
      client.send(PASSWORD_IN_THE_CLEAR)
      const { messages, end } = messagesIn(rest)
      rest = rest.subarray(end)
      for (const each of messages) take(each)
    }

    function cancel(whose: number) {
      const key = held.get(whose)?.key
      if (key === undefined) return client.close()
      const { hostname, port: direct } = new URL(url)
      const socket = connect(Number(direct), hostname)
      socket.end(Buffer.concat([int32(16), int32(80_877_102), key]))
      socket.on('error', ignore).on('close', () => client.close())
    }

    function take(each: Message) {
      const { letter } = each
      if (letter === 'p') {
        client.send(Buffer.concat([WELCOME, message(0x4b, int32(id), int32(0)), message(0x5a, IDLE)]))
      } else if (letter !== 'X') {
        batch.push(each)
        if (letter !== 'S' && letter !== 'Q') return
        const whole = batch
        batch = []
        turn = turn.then(() => run(whole))
      }
    }

    async function run(whole: Message[]) {
      session ??= await borrow()
      held.set(id, session)
      const verdicts: Verdict[] = []
      session.send(Buffer.concat(whole.flatMap(each => translate(each, session, verdicts)).map(encode)))
      const status = await session.answer(answer => {
        if (answer.letter === '1' || answer.letter === '3') {
          const verdict = verdicts.shift()
          if (verdict === 'drop') return
          if (verdict === 'as ParseComplete') return pass({ letter: '1', body: answer.body })
        }
        pass(answer)
      })
      if (status !== IDLE) return
      const over = session
      session = undefined
      held.delete(id)
      await giveBack(over)
    }

    function pass(answer: Message) {
      // In one frame with nothing, so that the client has to find the messages itself.
      if (client.readyState === client.OPEN) client.send(encode(answer))
    }

    /** Names are of all clients, and a session has those that it was told. */
    function translate(each: Message, on: Session | undefined, verdicts: Verdict[]): Message[] {
      const { letter, body } = each
      if (letter === 'P') {
        const [name, behind] = cString(body, 0)
        if (name !== '') return [parse(name, body.subarray(behind), on, verdicts)]
        verdicts.push('pass')
      }
      if (letter === 'C' && body[0] === 0x53 && body[1] !== 0) {
        verdicts.push('pass')
        return [closeOfNone()]
      }
      if (letter === 'B') return bind(body, on, verdicts)
      return [each]
    }

    function parse(name: string, definition: Buffer, on: Session | undefined, verdicts: Verdict[]): Message {
      mine.set(name, definition.toString('latin1'))
      const shared = sharedName(definition)
      if (on?.prepared.has(shared)) {
        verdicts.push('as ParseComplete')
        return closeOfNone()
      }
      on?.prepared.add(shared)
      verdicts.push('pass')
      return parseOf(shared, definition)
    }

    function bind(body: Buffer, on: Session | undefined, verdicts: Verdict[]): Message[] {
      const [portal, nameAt] = cString(body, 0)
      const [name, behind] = cString(body, nameAt)
      const text = mine.get(name)
      if (text === undefined) return [{ letter: 'B', body }]
      const definition = Buffer.from(text, 'latin1')
      const shared = sharedName(definition)
      const bound = {
        letter: 'B',
        body: Buffer.concat([Buffer.from(`${portal}\0${shared}\0`), body.subarray(behind)])
      }
      if (on?.prepared.has(shared)) return [bound]
      on?.prepared.add(shared)
      preparedAgain += 1
      verdicts.push('drop')
      return [parseOf(shared, definition), bound]
    }
  }

  function sharedName(definition: Buffer): string {
    const text = definition.toString('latin1')
    const name = names.get(text) ?? `shared_${names.size + 1}`
    names.set(text, name)
    return name
  }

  function borrow(): Promise<Session> {
    const session = free.shift()
    if (session) return Promise.resolve(counted(session))
    return new Promise(resolve => waiting.push(session => resolve(counted(session))))
  }

  function counted(session: Session): Session {
    const at = sessions.indexOf(session)
    transactions[at] = (transactions[at] ?? 0) + 1
    return session
  }

  /** Behind all others, so that the next transaction of the same client most likely meets another one. */
  async function giveBack(session: Session) {
    const found = await lookAt(session)
    if (found !== '') leftovers.push(found)
    const next = waiting.shift()
    if (next) next(session)
    else free.push(session)
  }
}

async function lookAt(session: Session): Promise<string> {
  session.send(queryOf(LOOK))
  let found = ''
  await session.answer(({ letter, body }) => {
    if (letter === 'D') found = body.toString('utf8', 6)
    if (letter === 'E') found = body.toString()
  })
  return found
}

/** Logs in as the proxy of Neon asks for it, with the password in the clear. */
async function openSession(url: string): Promise<Session> {
  const { host, username, password, pathname } = new URL(url)
  const socket = new WebSocket(`ws://${host}/v2`)
  const messages = readMessages(socket)
  let key = Buffer.alloc(0)
  await once(socket, 'open')
  socket.on('error', ignore)
  socket.send(
    startupPacket([
      ['user', username],
      ['database', pathname.slice(1)]
    ])
  )
  const session: Session = {
    send: bytes => socket.send(bytes),
    async answer(onMessage) {
      for (;;) {
        const next = await messages.next()
        if (next === undefined) throw new Error('the session has ended')
        onMessage(next)
        if (next.letter === 'Z') return next.body.toString()
      }
    },
    prepared: new Set(),
    get key() {
      return key
    },
    close: () => socket.terminate()
  }
  await session.answer(({ letter, body }) => {
    if (letter === 'R' && body.readInt32BE(0) === 3) socket.send(message(0x70, `${password}\0`))
    if (letter === 'K') key = Buffer.from(body)
  })
  return session
}

function readMessages(socket: WebSocket) {
  const ready: Message[] = []
  let rest: Buffer = Buffer.alloc(0)
  let wake = ignore
  let isOver = false
  socket.on('message', data => {
    rest = Buffer.concat([rest, bytesOf(data)])
    const { messages, end } = messagesIn(rest)
    rest = rest.subarray(end)
    ready.push(...messages)
    wake()
  })
  socket.on('close', () => {
    isOver = true
    wake()
  })
  return {
    async next(): Promise<Message | undefined> {
      while (ready.length === 0 && !isOver)
        await new Promise<void>(resolve => {
          wake = resolve
        })
      return ready.shift()
    }
  }
}

/** Always succeeds, and is answered. */
function closeOfNone(): Message {
  return { letter: 'C', body: Buffer.from('Snone\0') }
}

function parseOf(name: string, definition: Buffer): Message {
  return { letter: 'P', body: Buffer.concat([Buffer.from(`${name}\0`), definition]) }
}

function queryOf(text: string): Buffer {
  return encode({ letter: 'Q', body: Buffer.from(`${text}\0`) })
}

function encode({ letter, body }: Message): Buffer {
  return message(letter.charCodeAt(0), body)
}

/** And where the next one begins. */
function cString(body: Buffer, start: number): [text: string, behind: number] {
  const end = body.indexOf(0, start)
  return [body.toString('utf8', start, end), end + 1]
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return Buffer.isBuffer(data) ? data : Buffer.from(data)
}

function ignore() {}
