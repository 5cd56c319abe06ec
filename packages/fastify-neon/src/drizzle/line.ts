/**
 * What differs between the lines of Drizzle that can be installed: 0.44 and 0.45 are told of the tables by `schema`,
 * 1.0 by `relations`. Clients and transactions are Drizzle's own, made of a client without a connection. The types are
 * those of the line that is installed, so no name may stand here that only one of them has.
 */
import { drizzle, NeonDatabase, NeonTransaction } from 'drizzle-orm/neon-serverless'
import { OptionInvalidError } from '../errors/errors.ts'
import { printAs } from '../runtime/inspect.ts'

/** What Drizzle is told of the tables: `schema` of 0.4x, `relations` of 1.0. */
export type Tables = InstanceType<typeof NeonDatabase> extends NeonDatabase<infer T> ? T : never

/** When it is told nothing. */
export type NoTables = NeonDatabase extends NeonDatabase<infer T> ? T : never

/** What `drizzle()` takes. */
export type DrizzleOptions<T extends Tables> = NonNullable<Parameters<typeof drizzle.mock<T>>[0]>

/** What the work of a transaction gets. */
export type Transaction<T extends Tables> = Parameters<Parameters<NeonDatabase<T>['transaction']>[0]>[0]

const OF_EACH = ['logger', 'cache']
const OF_0 = ['schema', 'casing']
const OF_1 = ['relations', 'codecs', 'jit', 'paramsInErrors']

/** The names of all lines. */
export const DRIZZLE_OPTIONS = [...OF_0, ...OF_1, ...OF_EACH]

const takesRelations = 'relations' in drizzle.mock()._
const OF_INSTALLED = DRIZZLE_OPTIONS.filter(
  name => OF_EACH.includes(name) || OF_1.includes(name) === takesRelations
)

/** Throws FST_NEON_OPTION_INVALID for one of another line, which Drizzle would ignore. */
export function refuseOptionsOfOtherLine(options: object): void {
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && DRIZZLE_OPTIONS.includes(name) && !OF_INSTALLED.includes(name))
      throw new OptionInvalidError(
        `${name}: the drizzle-orm that is installed has no such option; its own are ${OF_INSTALLED.join(', ')}`
      )
}

/** A client like this one on another session. It does not read the tables anew, so one is made for each request. */
export function databaseOn<T extends Tables>(database: NeonDatabase<T>, session: object): NeonDatabase<T> {
  return madeLike(database, session, NeonDatabase)
}

/** The same on a session of a pool, which is what a log and a console show of it. */
export function pooledDatabaseOn<T extends Tables>(
  database: NeonDatabase<T>,
  session: object,
  pool: object
): NeonDatabase<T> {
  return Object.assign(madeLike(database, session, PooledDatabase), { [POOL]: pool })
}

const POOL = Symbol('pool')

/** A class of its own, since to define properties on each client would cost more than the rest of it. */
class PooledDatabase extends NeonDatabase {
  static {
    printAs(PooledDatabase.prototype, database => ({
      type: 'NeonDatabase',
      pool: Reflect.get(database, POOL)
    }))
  }
}

function madeLike<T extends Tables>(
  database: NeonDatabase<T>,
  session: object,
  Database: new (...parts: never) => object
): NeonDatabase<T> {
  const made: NeonDatabase<T> = Reflect.construct(Database, partsOf(database, session))
  if (database.$cache) made.$cache = database.$cache
  return made
}

/** As Drizzle makes it for the work of a transaction; `depth` is 0 for one that is not nested. */
export function transactionOn<T extends Tables>(
  database: NeonDatabase<T>,
  session: object,
  depth: number
): Transaction<T> {
  return Reflect.construct(NeonTransaction, [...partsOf(database, session), depth])
}

function partsOf<T extends Tables>(database: NeonDatabase<T>, session: object): unknown[] {
  const { _: known } = database
  return [Reflect.get(database, 'dialect'), session, Reflect.get(known, 'relations') ?? known]
}
