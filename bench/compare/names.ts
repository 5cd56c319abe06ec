/**
 * Who is compared, and which file of `contestants/` and `http/` each is.
 */

export const CONTESTANTS = {
  'fastify-neon': 'fastify-neon.ts',
  'fastify-neon on Drizzle 1.0': 'fastify-neon-drizzle-1.ts',
  'fastify-neon, pool alone': 'fastify-neon-pool.ts',
  'stock driver with Drizzle': 'stock-drizzle.ts',
  'stock driver alone': 'stock-pool.ts',
  'Drizzle on node-postgres': 'drizzle-node-postgres.ts',
  'Drizzle 1.0 on node-postgres': 'drizzle-1-node-postgres.ts',
  'Drizzle on postgres.js': 'drizzle-postgres-js.ts',
  '@fastify/postgres': 'fastify-postgres.ts',
  pg: 'pg.ts',
  'pg with its pipeline': 'pg-pipeline.ts'
} as const
export type ContestantName = keyof typeof CONTESTANTS
export const CONTESTANT_NAMES = Object.keys(CONTESTANTS) as ContestantName[]
/** Those that open a connection for one that has ended. */
export const POOL_NAMES = CONTESTANT_NAMES.filter(name => name !== 'pg with its pipeline')

/** What no client can be below: the server's own load generator, or the one of this folder where that is missing. */
export const FLOORS = ['pgbench', 'raw protocol'] as const
export type FloorName = (typeof FLOORS)[number]

export const HTTP_NAMES = ['fastify-neon', 'stock', 'node-postgres'] as const
export type HttpName = (typeof HTTP_NAMES)[number]
