/**
 * Somebody's backend with the plugins db and health, and nothing else of this project.
 */
import { Writable } from 'node:stream'
import fastify from 'fastify'
import type { Test } from 'tap'
import { createDatabase } from '../../../../test/support/postgres.ts'
import dbPlugin, { type DbOptions } from '../../src/plugins/db.ts'
import healthPlugin, { type HealthOptions } from '../../src/plugins/health/health.ts'

/** The two plugins alone, as in somebody's backend. */
export async function backend(t: Test, health: HealthOptions = {}, db: Partial<DbOptions> = {}) {
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()))
      done()
    }
  })
  const app = fastify({ logger: { level: 'debug', stream } })
  t.teardown(() => app.close())
  const connectionString = db.connectionString ?? (await createDatabase(t))
  await app.register(dbPlugin, { schema: {}, ...db, connectionString } as never)
  await app.register(healthPlugin, health)
  const databaseUrl = connectionString
  return { app, lines, databaseUrl, said: (text: string) => lines.filter(({ msg }) => msg === text) }
}
