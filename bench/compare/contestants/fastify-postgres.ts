/**
 * `@fastify/postgres`, over TCP: `fastify.pg`.
 */
import fastifyPostgres from '@fastify/postgres'
import fastify from 'fastify'
import { textWorks } from '../works.ts'
import type { Contestant, ContestantOptions } from './contestant.ts'

export async function open({ url, max }: ContestantOptions): Promise<Contestant> {
  const app = fastify()
  await app.register(fastifyPostgres, { connectionString: url, max })
  // Without a listener the end of an idle connection would end the process.
  app.pg.pool.on('error', () => {})
  await app.ready()
  const works = textWorks({
    query: (text, values) => app.pg.query(text, values),
    transaction: work => app.pg.transact(client => work((text, values) => client.query(text, values)))
  })
  return { works, close: () => app.close() }
}
