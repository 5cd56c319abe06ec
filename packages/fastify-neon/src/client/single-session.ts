/**
 * The one connection of a run: each statement on it has a deadline, and the lock goes when it goes.
 */
import type { QueryResult } from '@neondatabase/serverless'
import type { ConnectionUrl } from '../connection-string/connection-url.ts'
import { toConnectionFailure } from '../errors/connection-failure.ts'
import { DatabaseFailure } from '../errors/failure.ts'
import { within } from '../runtime/deadline.ts'
import { closeSockets, createSocketRegister } from '../socket/socket.ts'
import { clientConfig, NeonClient } from './client.ts'
import { type AuthenticationMode, inEitherMode } from './eager-authentication.ts'

export interface SessionOptions {
  url: ConnectionUrl
  /** By which pg_stat_activity shows it. */
  applicationName: string
  /** Longest wait for an answer to what is asked around the migrations, in ms. */
  answerTimeoutMs: number
  onNotice?: (message: string) => void
}

export interface Session {
  readonly query: Query
  /** As a prepared statement of this name. */
  prepared<R extends Record<string, unknown>>(name: string, text: string): Promise<R[]>
  /** For what the server may work on for so long, in ms; what it throws is the driver's own error. */
  execute(text: string, timeoutMs: number): Promise<void>
  /** Resolves in bounded time. */
  close(): Promise<void>
}

/** The rows of one statement; also what a pool can do. */
export type Query = <R extends Record<string, unknown>>(text: string, values?: unknown[]) => Promise<R[]>

// A wake included; the same as the pool's.
const CONNECT_TIMEOUT_MS = 15_000
const CLOSE_TIMEOUT_MS = 1000

/** Throws a ConnectionFailure when there is no connection. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { url, applicationName, answerTimeoutMs, onNotice } = options
  const settings = { application_name: applicationName, connectionTimeoutMillis: CONNECT_TIMEOUT_MS }
  const sockets = createSocketRegister({ handshakeTimeoutMs: CONNECT_TIMEOUT_MS, secure: url.secure })
  const login: AuthenticationMode = { isEager: true }
  const client = await inEitherMode(connect).catch(refuse)
  // Of what is asked around the migrations; each of them begins with the defaults.
  await query('SET client_min_messages = warning').catch(refuse)

  return { query, prepared, execute, close: () => close(client) }

  async function connect(): Promise<NeonClient> {
    const client = new NeonClient(clientConfig(url, settings), { url, sockets, login })
    if (onNotice) client.on('notice', ({ message = '' }) => onNotice(message))
    try {
      await client.connect()
      return client
    } catch (error) {
      await close(client)
      throw error
    }
  }

  async function refuse(error: unknown): Promise<never> {
    await closeSockets(sockets.open, CLOSE_TIMEOUT_MS)
    throw toConnectionFailure(error, url)
  }

  async function query<R extends Record<string, unknown>>(text: string, values?: unknown[]): Promise<R[]> {
    const { rows } = await answered<QueryResult<R>>(client.query<R>(text, values), answerTimeoutMs)
    return rows
  }

  async function prepared<R extends Record<string, unknown>>(name: string, text: string): Promise<R[]> {
    const { rows } = await answered<QueryResult<R>>(client.query<R>({ name, text }), answerTimeoutMs)
    return rows
  }

  async function execute(text: string, timeoutMs: number) {
    await answered(client.query(text), timeoutMs + answerTimeoutMs)
  }

  async function close(client: NeonClient) {
    const { isConnected } = client
    const ended = client.end()
    ended.catch(ignore)
    // Without a connection the driver would wait for ever.
    if (isConnected) await within(CLOSE_TIMEOUT_MS, ended)
    await closeSockets(sockets.open, CLOSE_TIMEOUT_MS)
  }
}

async function answered<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  // The loser of the race may still fail, when the client ends.
  answer.catch(ignore)
  await within(timeoutMs, answer)
  return Promise.race([answer, Promise.reject(new DatabaseFailure('timeout'))])
}

function ignore() {}
