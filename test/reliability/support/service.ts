/**
 * The service as it is deployed, on a local Neon that can be told to fail, with users who write and read
 * over HTTP, and a memory of what each of them was told.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { openIssuer } from '../../../dev/token-issuer.ts'
import { applyMigrations } from '../../../packages/fastify-neon/src/migrations/migrations.ts'
import type { PoolLimits, PoolStats } from '../../../packages/fastify-neon/src/pool/pool.ts'
import type { LocalNeon } from '../../../packages/local-neon/src/local-neon.ts'
import { buildApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config.ts'
import { CANARY, captureLog, NO_LIMIT, refuseSecrets, until } from '../../support/app.ts'
import { administer } from '../../support/postgres.ts'
import { temporaryPath } from '../../support/temporary-folder.ts'
import { judge, type Sight, type Verdict, type Write } from './history.ts'

const MIGRATIONS = fileURLToPath(new URL('../../../drizzle', import.meta.url))

/** Short enough for a test, and in the order of the defaults. */
export const LIMITS = {
  max: 5,
  checkoutTimeoutMs: 3000,
  connectTimeoutMs: 3000,
  // Nothing but a fault takes so long, also on a machine that is busy.
  statementTimeoutMs: 5000,
  heartbeatIntervalMs: 500
} as const satisfies Partial<PoolLimits>

// A wait for a client and for its connection, and three statements at their deadline; the rest is the machine's.
const DEADLINE_MS = 20_000

const HEAL_TIMEOUT_MS = 20_000
const LIVENESS_INTERVAL_MS = 100

export interface Answer {
  status: number
  headers: Headers
  /** Of a problem. */
  code: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of a body is what it asserts
  body: any
}

export interface Sent {
  body?: object
  key?: string
  signal?: AbortSignal
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

export interface Service {
  app: FastifyInstance
  databaseUrl: string
  logs: Record<string, unknown>[]
  /** Sends a request as this user. Rejects when there is no answer. */
  send(user: string, method: Method, path: string, sent?: Sent): Promise<Answer>
  /** Makes a task, and remembers what the user was told of it. */
  write(user: string, sent?: Pick<Sent, 'key' | 'signal'>): Promise<Write & Partial<Answer>>
  /** Sends each write of unknown outcome that has a key again under it, until it is answered, as a client does. Answers how many. */
  resolve(): Promise<number>
  /** Lists the tasks of the user, and remembers what was shown. */
  read(user: string): Promise<Answer>
  writes: readonly Write[]
  stats(): PoolStats
  /** What did not hold so far, whatever was done to the database. */
  readonly broken: readonly string[]
  /** Resolves with the time until a write succeeded again, in ms. Nothing fails any more when it is called. */
  recover(): Promise<number>
  /** Resolves when the pool has everything back. Answers with what it has not. */
  settle(): Promise<number>
  verdict(): Promise<Verdict>
  close(): Promise<void>
}

export interface ServiceOptions {
  databaseUrl: string
  limits?: Partial<PoolLimits>
}

const templates = new WeakMap<LocalNeon, Promise<string>>()

/** A database of its own on this Neon, with all tables. */
export async function createServiceDatabase(neon: LocalNeon): Promise<string> {
  const template = templates.get(neon) ?? createTemplate(neon)
  templates.set(neon, template)
  const name = `service_${randomUUID().slice(0, 8)}`
  await administer(`CREATE DATABASE ${name} TEMPLATE ${await template} STRATEGY FILE_COPY`, neon.url)
  // What the migrations revoke of the database itself is not cloned.
  await administer(`REVOKE TEMPORARY ON DATABASE ${name} FROM PUBLIC`, neon.url)
  return databaseOf(neon, name)
}

async function createTemplate(neon: LocalNeon): Promise<string> {
  await administer('CREATE DATABASE template_of_services', neon.url)
  await applyMigrations({ url: databaseOf(neon, 'template_of_services'), folder: MIGRATIONS })
  return 'template_of_services'
}

function databaseOf(neon: LocalNeon, name: string): string {
  return Object.assign(new URL(neon.url), { pathname: `/${name}` }).href
}

export async function openService({ databaseUrl, limits = {} }: ServiceOptions): Promise<Service> {
  const directory = await mkdtemp(temporaryPath('issuer'))
  const issuer = await openIssuer(directory)
  const config = loadConfig({ DATABASE_URL: databaseUrl, PORT: '0', ...NO_LIMIT, ...issuer.settings })
  const database = { ...config.database, ...LIMITS, ...limits }
  const { logs, stream } = captureLog(databaseUrl)
  const app = await buildApp({ config: { ...config, database }, logStream: stream })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const pool = app.db.$client
  const tokens = new Map<string, Promise<string>>()
  const writes: Write[] = []
  const sights = new Map<string, Sight>()
  const broken = new Set<string>()
  let number = 0

  pool.observe(() => {
    if (pool.totalCount > database.max) broken.add('more connections than the pool may have')
  })
  const liveness = setInterval(watchLiveness, LIVENESS_INTERVAL_MS)

  return {
    app,
    databaseUrl,
    logs,
    send,
    write,
    resolve,
    read,
    writes,
    stats: () => pool.stats(),
    get broken() {
      return [...broken]
    },
    recover,
    settle,
    verdict,
    async close() {
      clearInterval(liveness)
      await app.close()
      await rm(directory, { recursive: true, force: true })
    }
  }

  async function send(
    user: string,
    method: Method,
    path: string,
    { body, key, signal }: Sent = {}
  ): Promise<Answer> {
    const startedAt = performance.now()
    const response = await fetch(`${base}${path}`, {
      method,
      ...(signal && { signal }),
      ...(body && { body: JSON.stringify(body) }),
      headers: {
        authorization: `Bearer ${await tokenOf(user)}`,
        ...(body && { 'content-type': 'application/json' }),
        ...(key !== undefined && { 'idempotency-key': key })
      }
    })
    const text = await response.text()
    if (performance.now() - startedAt > DEADLINE_MS) broken.add('an answer after its deadline')
    if (response.status >= 400) refuseSecrets(text, databaseUrl)
    const answer = text === '' ? undefined : JSON.parse(text)
    const { status, headers } = response
    return { status, headers, code: answer?.code, body: answer }
  }

  function tokenOf(user: string) {
    const token = tokens.get(user) ?? issuer.sign(user, '1h')
    tokens.set(user, token)
    return token
  }

  async function write(user: string, { key, signal }: Pick<Sent, 'key' | 'signal'> = {}) {
    number += 1
    const entry: Write = {
      user,
      title: `${CANARY}-${user}-${number}`,
      outcome: 'unknown',
      ...(key && { key })
    }
    writes.push(entry)
    const answer = await post(entry, signal)
    // What a repetition is told says nothing of the first try.
    if (entry.outcome === 'unknown' && answer && answer.code !== 'FST_NEON_COMMIT_OUTCOME_UNKNOWN')
      Object.assign(entry, { outcome: 'failed', code: answer.code })
    return { ...answer, ...entry }
  }

  async function resolve() {
    const unknown = writes.filter(({ outcome, key }) => outcome === 'unknown' && key !== undefined)
    for (const entry of unknown) {
      await until(async () => {
        await post(entry)
        return entry.outcome !== 'unknown'
      })
    }
    return unknown.length
  }

  async function post(entry: Write, signal?: AbortSignal) {
    const { user, title, key } = entry
    const answer = await send(user, 'POST', '/tasks', {
      body: { title },
      ...(key !== undefined && { key }),
      ...(signal && { signal })
    }).catch(() => undefined)
    if (answer?.status === 201) entry.outcome = 'acknowledged'
    return answer
  }

  async function read(user: string) {
    const answer = await send(user, 'GET', '/tasks?limit=20')
    if (answer.status === 200)
      for (const { title } of answer.body.items as { title: string }[])
        sights.set(`${user} ${title}`, { user, title })
    return answer
  }

  async function recover() {
    const startedAt = performance.now()
    const limit = AbortSignal.timeout(HEAL_TIMEOUT_MS)
    await until(async () => {
      if (limit.aborted) throw new Error('the service does not recover')
      return (await write('recovery')).outcome === 'acknowledged'
    })
    return performance.now() - startedAt
  }

  async function settle() {
    const left = () => {
      const { checkedOut, waiting, total, idle } = pool.stats()
      return checkedOut + waiting + (total - idle)
    }
    await until(() => left() === 0).catch(() => {})
    return left()
  }

  async function verdict() {
    const rows = await administer('select owner, title from tasks', databaseUrl)
    return judge(
      writes,
      rows.map(({ owner, title }) => ({ owner: String(owner), title: String(title) })),
      [...sights.values()]
    )
  }

  async function watchLiveness() {
    const { status } = await fetch(`${base}/livez`).catch(() => ({ status: 0 }))
    if (status !== 200) broken.add(`/livez ${status}`)
  }
}
