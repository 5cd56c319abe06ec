/**
 * The service for a test file: on a Postgres of its own, with all migrations, and with users who can sign in.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { applyMigrations } from 'fastify-neon/migrations'
import { type LocalNeon, startLocalNeon } from 'local-neon'
import { openIssuer } from '../dev/token-issuer.ts'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'

const MIGRATIONS = fileURLToPath(new URL('../drizzle', import.meta.url))

export interface TestService {
  app: FastifyInstance
  /** Puts the database to sleep, gives it faults, and more: the README of local-neon. */
  neon: LocalNeon
  /** Sends requests as this user. */
  as(user: string): Promise<(request: InjectOptions) => Promise<LightMyRequestResponse>>
  close(): Promise<void>
}

export async function startService(): Promise<TestService> {
  const directory = await mkdtemp(join(tmpdir(), 'service-test-'))
  const neon = await startLocalNeon({ fsync: false })
  const issuer = await openIssuer(directory)
  await applyMigrations({ url: neon.url, folder: MIGRATIONS })
  const app = await buildApp({
    config: loadConfig({ DATABASE_URL: neon.url, ...issuer.settings }),
    logStream: new Writable({ write: (_line, _encoding, done) => done() })
  })
  await app.ready()

  return {
    app,
    neon,
    as: async user => {
      const token = await issuer.sign(user, '1h')
      return async request =>
        app.inject({ ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } })
    },
    close: async () => {
      await app.close()
      await neon.close()
      await rm(directory, { recursive: true, force: true })
    }
  }
}
