/**
 * Builds the application for a test, on a database of its own, with users who
 * can sign in, its log in an array, and a watch for what must never get out.
 */
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { openIssuer } from '../../dev/token-issuer.ts'
import { buildApp } from '../../src/app.ts'
import { type Config, type Environment, loadConfig } from '../../src/config.ts'
import { createDatabase } from './postgres.ts'
import './compiled-schemas.ts'

/** In a title, so that a row which gets into a log or an error is seen. */
export const CANARY = 'canary-title-5e1f0c'

export interface TestApp {
  app: FastifyInstance
  /** One object per line. */
  logs: Record<string, unknown>[]
  config: Config
  databaseUrl: string
  /** A request as this user. */
  as(user: string): Send
  /** @default a lifetime of an hour */
  token(user: string, lifetime?: string): Promise<string>
}

export type Send = (
  method: Method,
  url: string,
  body?: unknown,
  headers?: Record<string, string>
) => Promise<TestResponse>

type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE'

export interface TestResponse {
  status: number
  headers: Record<string, unknown>
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of a body is what it asserts
  body: any
}

/** Tests send more than a user does. */
export const NO_LIMIT = { RATE_LIMIT_PER_MINUTE: '0' }

/** The settings of a service that starts, on this database. */
export async function settingsFor(t: Test, databaseUrl: string): Promise<Record<string, string>> {
  const issuer = await openIssuer(issuerDirectory(t))
  return { DATABASE_URL: databaseUrl, PORT: '0', ...NO_LIMIT, ...issuer.settings }
}

export async function build(t: Test, env: Environment = {}): Promise<TestApp> {
  const databaseUrl = env.DATABASE_URL ?? (await createDatabase(t))
  const config = loadConfig({ ...(await settingsFor(t, databaseUrl)), ...env, DATABASE_URL: databaseUrl })
  const issuer = await openIssuer(issuerDirectory(t))
  const { logs, stream } = captureLog(databaseUrl)
  const app = await buildApp({ config, logStream: stream })
  t.teardown(() => app.close())
  return { app, logs, config, databaseUrl, as, token }

  function token(user: string, lifetime = '1h') {
    return issuer.sign(user, lifetime)
  }

  function as(user: string): Send {
    return async (method, url, body, more = {}) => {
      const authorization = `Bearer ${await token(user)}`
      const payload = body === undefined ? {} : { payload: JSON.stringify(body) }
      const type = body === undefined ? {} : { 'content-type': 'application/json' }
      const headers = { authorization, ...type, ...more }
      const response = await app.inject({ method, url, headers, ...payload })
      if (response.statusCode >= 400) refuseSecrets(response.body, databaseUrl)
      const text = response.body
      const isJson = text !== '' && String(response.headers['content-type']).includes('json')
      return {
        status: response.statusCode,
        headers: response.headers,
        body: isJson ? JSON.parse(text) : text
      }
    }
  }
}

/** Throws when the text holds the password of the database or the title of a task. */
export function refuseSecrets(text: string, databaseUrl: string) {
  const { password } = new URL(databaseUrl)
  if (password !== '' && text.includes(password)) throw new Error('the password of the database got out')
  if (text.includes(CANARY)) throw new Error(`the title of a task got out: ${text}`)
}

export function captureLog(databaseUrl: string) {
  const logs: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      refuseSecrets(chunk.toString(), databaseUrl)
      logs.push(JSON.parse(chunk.toString()))
      done()
    }
  })
  return { logs, stream }
}

const POLL_MS = 10
const DEADLINE_MS = 60_000

/** Resolves when `condition` holds. For what has no event; fails at a deadline that only a broken test meets. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = AbortSignal.timeout(DEADLINE_MS)
  while (!(await condition())) {
    if (deadline.aborted) throw new Error('the condition did not come true')
    await sleep(POLL_MS)
  }
}

const directories = new WeakMap<Test, string>()

function issuerDirectory(t: Test): string {
  const directory = directories.get(t) ?? t.testdir({})
  directories.set(t, directory)
  return directory
}
