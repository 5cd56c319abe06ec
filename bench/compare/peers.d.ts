/**
 * The part of the peers that is used here, so that types are checked where the packages of this
 * folder are not installed.
 */
declare module 'ws-with-bufferutil' {
  export { WebSocket } from 'ws'
}

declare module 'postgres' {
  // biome-ignore lint/suspicious/noExplicitAny: the parameters are those of Drizzle
  export interface Sql<_Types = any> {
    end(): Promise<void>
  }
  export default function postgres(url: string, options: { max: number }): Sql
}

declare module '@fastify/postgres' {
  import type { FastifyPluginAsync } from 'fastify'
  import type { Pool, PoolClient } from 'pg'

  const fastifyPostgres: FastifyPluginAsync<{ connectionString: string; max: number }>
  export default fastifyPostgres

  module 'fastify' {
    interface FastifyInstance {
      pg: Pick<Pool, 'query'> & {
        pool: Pool
        transact<T>(work: (client: PoolClient) => Promise<T>): Promise<T>
      }
    }
  }
}
