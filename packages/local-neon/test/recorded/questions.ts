/**
 * The questions that were put to Neon's own proxy, as far as they are answered at once; slow-questions.ts has
 * the others. Each answers one line or more, by the names that answers.ts has.
 */
import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { cancelRequest } from '../../src/protocol/messages.ts'
import { until } from '../fixtures/sandbox.ts'
import { GSS_REQUEST, passwordMessage, queryMessage, SSL_REQUEST, startup, typed } from '../fixtures/wire.ts'
import {
  type Conversation,
  extendedQuery,
  logIn,
  open,
  syncMessage,
  type Target,
  terminateMessage
} from './conversation.ts'

export type Question = (t: Test, target: Target) => Promise<Record<string, string>>

/** Far longer than an answer takes on loopback: for what is not answered. */
const SILENCE_MS = 300
const LARGE_TIMEOUT_MS = 120_000
const SHOWN_BODY = 200
const PIPELINED = 500
const LOGINS = 60
const LONG_PASSWORD = 'x'.repeat(600)
const LONGEST_PING = 'z'.repeat(125)
const RUNNING = "select 1 from pg_stat_activity where query = 'select pg_sleep(20)' and state = 'active'"
const SETTINGS = "select current_setting('statement_timeout'), current_setting('work_mem')"

export const QUESTIONS: Record<string, Question> = {
  async login(t, target) {
    const client = await logIn(t, target)
    const login = client.said.join(' ')
    const frames = client.frameBytes.join(',')
    client.send(terminateMessage)
    await client.end()
    return { login, 'login frames': frames, 'after Terminate': endOf(client) }
  },

  async paths(t, target) {
    const lines: Record<string, string> = {}
    for (const path of ['/', '/v1', '/v2', '/foo?x=1', '/sql'])
      lines[`path ${path}`] = last(await logIn(t, target, {}, { path }))
    return lines
  },

  async http(_t, { url }) {
    const lines: Record<string, string> = {}
    for (const asked of ['GET /', 'GET /v2', 'OPTIONS /sql', 'POST /sql', 'POST /v2']) {
      const [method, path] = asked.split(' ')
      const sent = request(`${url.replace('ws:', 'http:')}${path}`, { method })
      sent.end(method === 'POST' ? '{}' : undefined)
      const [response] = await once(sent, 'response')
      const body = await text(response)
      lines[`http ${asked}`] = `${response.statusCode} ${body.slice(0, SHOWN_BODY)}`.trim()
    }
    return lines
  },

  async headers(t, target) {
    const lines: Record<string, string> = {}
    for (const [name, value] of Object.entries({
      'sec-websocket-protocol': 'x',
      'sec-websocket-version': '12'
    })) {
      const { socket } = await open(t, target, { headers: { [name]: value } })
      lines[`header ${name}`] = `opened ${socket.protocol}`.trim()
    }
    const { socket, said } = await logIn(t, target, {}, { deflate: true })
    return { ...lines, deflate: `${socket.extensions} ${said.at(-1)}`.trim() }
  },

  async encryption(t, target) {
    const client = await open(t, target, { letters: 1 })
    await saying(client, SSL_REQUEST, 'byte')
    const refused = everything(client)
    await saying(client, startup(owner(target)), 'R')
    const other = await open(t, target, { letters: 1 })
    await saying(other, GSS_REQUEST, 'byte')
    return {
      'SSLRequest in ws': refused,
      '…then startup': everything(client),
      'GSSENCRequest in ws': everything(other)
    }
  },

  async versions(t, target) {
    const lines: Record<string, string> = {}
    for (const [major, minor] of [
      [3, 1],
      [3, 2],
      [2, 0],
      [0, 1]
    ] as const) {
      const client = await open(t, target)
      await saying(client, startup(owner(target), major * 65_536 + minor), 'R')
      lines[`protocol ${major}.${minor}`] = everything(client)
    }
    return lines
  },

  async refusals(t, target) {
    const { user, database, password } = target
    const logins: Record<string, [Record<string, string>, string]> = {
      'wrong password': [{ user, database }, 'nope'],
      'empty password': [{ user, database }, ''],
      'unknown user': [{ user: 'nobody', database }, 'x'],
      'unknown database': [{ user, database: 'nodb' }, password],
      'no user': [{ database }, password],
      'no database': [{ user }, password],
      'long password': [{ user, database }, LONG_PASSWORD],
      'empty user': [{ user: '', database }, password]
    }
    const lines: Record<string, string> = {}
    for (const [name, [parameters, given]] of Object.entries(logins)) {
      const client = await open(t, target)
      await saying(client, startup(parameters), 'RE')
      if (last(client).startsWith('R')) {
        client.send(passwordMessage(given))
        await client.end()
        lines[name] = everything(client)
      } else lines[name] = last(client)
    }
    return lines
  },

  async parameters(t, target) {
    const client = await logIn(t, target, {
      application_name: 'probe',
      statement_timeout: '1234',
      lock_timeout: '77',
      options: '-c work_mem=7MB -c search_path=pg_catalog',
      client_encoding: 'LATIN1',
      extra_float_digits: '1',
      DateStyle: 'German',
      search_path: 'x',
      replication: 'false',
      TimeZone: 'Asia/Tokyo'
    })
    if (last(client).startsWith('E')) return { params: last(client) }
    const lines: Record<string, string> = {}
    for (const name of [
      'application_name',
      'statement_timeout',
      'lock_timeout',
      'work_mem',
      'search_path',
      'client_encoding',
      'extra_float_digits',
      'DateStyle',
      'TimeZone'
    ])
      lines[`param ${name}`] = await client.ask(`show ${name}`)
    return lines
  },

  async options(t, target) {
    const lines: Record<string, string> = {}
    for (const options of [
      'endpoint=ep-cool-1',
      'project=x',
      'endpoint=other-1',
      'neon_x:y',
      '-c statement_timeout=55',
      '--work_mem=9MB',
      'garbage',
      'neon_proxy_params_compat:true',
      '-c bad'
    ]) {
      // Recorded with milliseconds, which on a busy machine are over before the answer.
      const client = await logIn(t, target, {
        options: options.replace('=55', '=55s'),
        statement_timeout: '66s'
      })
      const answer = last(client).startsWith('Z') ? await client.ask(SETTINGS) : last(client)
      lines[`options ${options}`] = answer.replace(/"(55|66)s"/, '"$1ms"')
    }
    return lines
  },

  async eager(t, target) {
    const begin = Buffer.concat([startup(owner(target)), passwordMessage(target.password)])
    const first = await open(t, target)
    await saying(first, begin, 'ZE')
    const second = await open(t, target)
    second.send(Buffer.concat([begin, queryMessage('select 1')]))
    await until('both are answered', () => second.said.filter(said => said.startsWith('Z')).length === 2)
    const third = await open(t, target)
    third.send(Buffer.concat([startup(owner(target)), passwordMessage('nope'), queryMessage('select 1')]))
    await third.end()
    return {
      'startup+password one frame': withoutParameters(first, 'K'),
      'startup+password+query one frame': withoutParameters(second, 'K'),
      '…with wrong password': everything(third)
    }
  },

  async pieces(t, target) {
    const client = await open(t, target)
    const ready = client.until('ZE')
    for (const byte of Buffer.concat([startup(owner(target)), passwordMessage(target.password)]))
      client.send(Buffer.of(byte))
    await ready
    const login = last(client)
    const answered = client.until('Z')
    for (const byte of queryMessage('select 42')) client.send(Buffer.of(byte))
    await answered
    const byBytes = client.said.slice(-4).join(' ')
    const query = queryMessage('select 43')
    const fragments = client.until('Z')
    client.socket.send(query.subarray(0, 4), { binary: true, fin: false })
    client.socket.send(query.subarray(4), { binary: true, fin: true })
    await fragments
    return {
      'login byte by byte': login,
      'query byte by byte': byBytes,
      'ws continuation': client.said.slice(-4).join(' ')
    }
  },

  async pings(t, target) {
    const before = await open(t, target)
    before.socket.ping('x')
    await sleep(SILENCE_MS)
    const client = await logIn(t, target)
    client.socket.ping('x')
    await sleep(SILENCE_MS)
    const idle = client.pongs
    await client.ask('select 1')
    const next = client.pongs
    const answered = client.until('Z')
    client.send(queryMessage('select pg_sleep(1)'))
    client.socket.ping('y')
    await sleep(SILENCE_MS)
    const busy = client.pongs
    client.socket.ping(LONGEST_PING)
    await sleep(SILENCE_MS)
    const long = client.pongs
    await answered
    return {
      'ping before login': `pongs ${before.pongs}`,
      'ping idle': `pongs ${idle}`,
      '…after the next answer': `pongs ${next}`,
      'ping in a query': `pongs ${busy}`,
      'long ping': `pongs ${long}`,
      '…after the answer': `pongs ${client.pongs}`
    }
  },

  async frames(t, target) {
    const textual = await logIn(t, target)
    textual.socket.send('hello')
    await textual.end()
    const client = await logIn(t, target)
    const before = client.said.length
    await saying(client, syncMessage, 'Z')
    const sync = client.said.slice(before).join(' ')
    client.send(Buffer.alloc(0))
    const empty = await client.ask('select 1')
    client.socket.close(1000, 'bye')
    await client.end()
    return {
      'text frame': `${endOf(textual)} ${last(textual)}`,
      'a bare Sync': sync,
      'empty frame': empty,
      'close handshake': endOf(client)
    }
  },

  async cutOff(t, target) {
    const client = await logIn(t, target)
    const { said } = client
    client.send(queryMessage('select pg_sleep(20) as cut'))
    const watch = await logIn(t, target)
    const running =
      "select count(*) from pg_stat_activity where query like 'select pg_sleep(20) as cut%' and state = 'active'"
    await until('it runs', async () => (await watch.ask(running)) === 'D["1"] C(SELECT 1)')
    client.socket.terminate()
    await sleep(2 * SILENCE_MS)
    return {
      key: client.key.length > 0 && said.includes('K') ? 'given' : 'none',
      'client cut in a query': await watch.ask(running)
    }
  },

  async pipeline(t, target) {
    const client = await logIn(t, target)
    const statements = Array.from({ length: PIPELINED }, (_, at) =>
      extendedQuery('select $1::int', String(at))
    )
    client.send(Buffer.concat(statements))
    await until('all are answered', () => client.said.filter(said => said.startsWith('Z')).length > PIPELINED)
    const rows = client.said.filter(said => said.startsWith('D'))
    const isInOrder = rows.every((row, at) => row === `D["${at}"]`)
    return {
      '500 pipelined': `${rows.length} ${isInOrder}`,
      'frames of that': `${client.frameBytes.length} frames, largest ${Math.max(...client.frameBytes)}`
    }
  },

  async megabyte(t, target) {
    const client = await logIn(t, target)
    return { ...(await queryOf(client, 1)), ...(await answerOf(client, 1)) }
  },

  async cancel(t, target) {
    const lines: Record<string, string> = {}
    const other = await logIn(t, target)
    for (const [name, delayMs] of [
      ['cancel right after the login', 0],
      ['cancelled', SILENCE_MS]
    ] as const) {
      const client = await logIn(t, target)
      const answered = client.until('Z')
      client.send(queryMessage('select pg_sleep(20)'))
      // Postgres forgets a cancel that comes before its statement.
      await until('it runs', async () => (await other.ask(RUNNING)).startsWith('D'))
      await sleep(delayMs)
      const link = await open(t, target)
      link.send(cancelRequest(client.key))
      await link.end()
      await answered
      lines[name] = client.said.slice(-3).join(' ')
      lines['cancel link'] = everything(link)
    }
    const wrong = await open(t, target)
    wrong.send(cancelRequest(Buffer.from('0000000100003039', 'hex')))
    await wrong.end()
    return { ...lines, 'cancel with wrong key': everything(wrong) }
  },

  async killed(t, target) {
    const client = await logIn(t, target)
    const other = await logIn(t, target)
    const [pid] = /\d+/.exec(await client.ask('select pg_backend_pid()')) ?? []
    const before = client.said.length
    await other.ask(`select pg_terminate_backend(${pid})`)
    await client.end()
    return { 'backend killed idle': [...client.said.slice(before), endOf(client)].join(' ') }
  },

  async nonsense(t, target) {
    const lines: Record<string, string> = {}
    for (const [name, bytes, timeoutMs] of [
      ['Terminate first', terminateMessage, SILENCE_MS],
      ['http text', Buffer.from('GET / HTTP/1.1\r\n\r\n'), undefined],
      ['length 0', Buffer.alloc(8), undefined],
      ['huge length', Buffer.from('7fffffff00030000', 'hex'), undefined],
      ['length 4', Buffer.from('00000004', 'hex'), SILENCE_MS]
    ] as const) {
      const client = await open(t, target)
      const ended = client.end(timeoutMs)
      client.send(bytes)
      await ended
      lines[`first: ${name}`] = [...client.said, endOf(client)].join(' ')
    }
    const client = await open(t, target)
    await saying(client, startup(owner(target)), 'R')
    client.send(queryMessage('select 1'))
    await client.end()
    const other = await logIn(t, target)
    other.send(typed('~'))
    await other.end()
    return {
      ...lines,
      'Query instead of password': everything(client),
      'unknown type after login': `${last(other)} ${endOf(other)}`
    }
  },

  async many(t, target) {
    const clients = await Promise.all(Array.from({ length: LOGINS }, () => logIn(t, target)))
    const lines = { '60 logins at once': `${clients.filter(client => last(client) === 'ZI').length} in` }
    for (const { socket } of clients) socket.terminate()
    return lines
  },

  async copy(t, target) {
    const client = await logIn(t, target)
    await client.ask('create temp table copied (a int)')
    const before = client.said.length
    await saying(client, queryMessage('copy copied from stdin'), 'G')
    await saying(client, Buffer.concat([typed('d', '1\n2\n'), typed('c')]), 'Z')
    const into = client.said.slice(before).join(' ')
    const between = client.said.length
    await saying(client, queryMessage('copy copied to stdout'), 'Z')
    return { 'COPY in': into, 'COPY out': client.said.slice(between).join(' ') }
  },

  async asynchronous(t, target) {
    const client = await logIn(t, target)
    const lines: Record<string, string> = {}
    for (const [name, query, messages] of [
      ['notice', "do $$ begin raise notice 'hi'; end $$", 3],
      ['parameter change', "set time zone 'UTC'", 3],
      ['notify', 'listen ch; notify ch', 4]
    ] as const) {
      await saying(client, queryMessage(query), 'Z')
      lines[name] = client.said.slice(-messages).join(' ')
    }
    return lines
  }
}

/** A query that is so many megabytes long. */
export async function queryOf(client: Conversation, megabytes: number): Promise<Record<string, string>> {
  const answer = await client.ask(`select length('${'x'.repeat(megabytes * 1_048_576)}')`, LARGE_TIMEOUT_MS)
  return { [`query of ${megabytes} MB`]: answer.split(' ')[0] ?? '' }
}

/** An answer that is so many megabytes long. */
export async function answerOf(client: Conversation, megabytes: number): Promise<Record<string, string>> {
  const before = client.frameBytes.length
  await saying(client, queryMessage(`select repeat('x', ${megabytes * 1_048_576})`), 'Z', LARGE_TIMEOUT_MS)
  const frames = client.frameBytes.slice(before)
  const largest = frames.reduce((most, bytes) => Math.max(most, bytes), 0)
  return { [`answer of ${megabytes} MB`]: `${last(client)} frames ${frames.length}, largest ${largest}` }
}

async function saying(client: Conversation, bytes: Buffer, types: string, timeoutMs?: number): Promise<void> {
  const answered = client.until(types, timeoutMs)
  client.send(bytes)
  await answered
}

function owner({ user, database }: Target) {
  return { user, database }
}

function last({ said }: Conversation): string {
  return said.at(-1) ?? ''
}

function endOf({ closed }: Conversation): string {
  return closed ?? 'open'
}

function everything(client: Conversation): string {
  const end = client.closed === undefined ? [] : [client.closed]
  return [withoutParameters(client), ...end].filter(Boolean).join(' ')
}

/** BackendKeyData belongs to the parameters of the session, unless it is asked for. */
function withoutParameters({ said }: Conversation, ...kept: string[]): string {
  return said.filter(text => kept.includes(text) || !/^(?:S\(|K)/.test(text)).join(' ')
}
