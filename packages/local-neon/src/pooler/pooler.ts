/**
 * Owns the pooler of a compute: a PgBouncer that the first who comes through a pooled host starts, and that ends with
 * the compute. The proxy has checked who comes, so it lets everybody in.
 */
import { dirname, join } from 'node:path'
import { SUPERUSER } from '../postgres/cluster.ts'
import type { Place } from '../postgres/place.ts'
import type { Postgres } from '../postgres/postgres.ts'
import { openServerLog } from '../postgres/server-log.ts'
import { SOCKET_PORT } from '../postgres/socket-directory.ts'
import { findPgBouncer } from './find.ts'
import { type PgBouncer, startPgBouncer } from './pgbouncer.ts'

export interface PoolerOptions {
  /** Path of the program, or `false` for none. @default the one that PGBOUNCER names, or the first on the PATH */
  program?: string | false
  /** Prepared statements that it keeps for each session; 0 passes their names on as they are. @default 1000, as on Neon */
  maxPreparedStatements?: number
  /** Sessions for each user and database. @default 64, as on a small compute of Neon */
  poolSize?: number
}

export interface Pooler {
  /** Where the one in front of this Postgres listens; undefined when this machine has none. */
  open(postgres: Postgres): Promise<string | undefined>
  /** Of the one that runs. */
  readonly socketPath: string | undefined
  /** Ends it at once; the next `open` starts another one. */
  stop(): Promise<void>
}

export function createPooler(
  { home, account }: Pick<Place, 'home' | 'account'>,
  options: PoolerOptions
): Pooler {
  const { program, maxPreparedStatements = 1000, poolSize = 64 } = options
  let running: PgBouncer | undefined
  let starting: Promise<PgBouncer | undefined> | undefined

  return {
    async open(postgres) {
      if (running) return running.socketPath
      starting ??= start(postgres).finally(() => {
        starting = undefined
      })
      return (await starting)?.socketPath
    },
    get socketPath() {
      return running?.socketPath
    },
    async stop() {
      await Promise.allSettled([starting])
      await running?.stop()
    }
  }

  async function start({ socketPath }: Postgres): Promise<PgBouncer | undefined> {
    const found = program === undefined ? await findPgBouncer() : { program }
    if (!found.program) return undefined
    const socketDirectory = dirname(socketPath)
    const serverLog = await openServerLog(join(home, 'pgbouncer.log'))
    try {
      const started = await startPgBouncer({
        program: found.program,
        account,
        home,
        socketDirectory,
        serverLog,
        server: `host=${socketDirectory} port=${SOCKET_PORT}`,
        settings: {
          auth_type: 'trust',
          auth_user: SUPERUSER,
          auth_dbname: 'postgres',
          max_prepared_statements: maxPreparedStatements,
          default_pool_size: poolSize
        }
      })
      running = started
      started.exited.then(() => {
        if (running === started) running = undefined
      })
      return started
    } finally {
      // PgBouncer has a descriptor of its own.
      await serverLog.close()
    }
  }
}
