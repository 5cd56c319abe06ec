/**
 * A query that is built once and run on any client. To build it anew for each request takes Drizzle as much processor
 * time as all else that is done for its statement.
 */
import { type Placeholder, QueryPromise, sql } from 'drizzle-orm'
import type { NeonDatabase } from 'drizzle-orm/neon-serverless'
import { OptionInvalidError } from '../errors/errors.ts'
import { databaseOn, type Tables } from './line.ts'

/** What stands in a query for the values that come when it is run, by their names. */
export type Placeholders<Values> = { readonly [Name in keyof Values]-?: Placeholder<string, Values[Name]> }

/** A client of Drizzle: `fastify.db`, `request.db`, a transaction, the client of a batch. */
export interface QueryClient {
  readonly _: { readonly session: object }
}

/** Sent when it is awaited, as a query of Drizzle. */
export type PreparedQuery<Values, Result> = (client: QueryClient, values: Values) => QueryPromise<Result>

/** What Drizzle prepares a query from. */
interface Built {
  parameters: unknown[]
  /** Set by a select behind the preparing. */
  joinsNotNullableMap: unknown
}

interface Prepared {
  joinsNotNullableMap?: unknown
  execute(values: object): Promise<never>
}

interface Session {
  prepareQuery(...parameters: unknown[]): Prepared
}

/**
 * Makes a function of a query, which is called with a client and with the values of its placeholders:
 *
 *     const findNote = preparedQuery((db, { id }: Placeholders<{ id: number }>) =>
 *       db.select().from(notes).where(eq(notes.id, id)))
 *     const [note] = await findNote(request.db, { id: 7 })
 *
 * `build` is called once for each `drizzle()` or db plugin, at the first run on one of its clients. A value goes to the
 * database as it is, as with Drizzle's own placeholders; in `values()` and `set()` as its column has it. The function
 * rejects with FST_NEON_OPTION_INVALID when `build` returns no query or the client is none, and with an Error of
 * Drizzle when a value is missing.
 */
export function preparedQuery<Values extends object, Result>(
  build: (db: NeonDatabase<Tables>, placeholders: Placeholders<Values>) => PromiseLike<Result>
): PreparedQuery<Values, Result> {
  const builtOf = new WeakMap<object, Built>()
  return (client, values) => new Run(() => execute(client, values))

  async function execute(client: QueryClient, values: Values): Promise<Result> {
    const dialect: unknown = Reflect.get(client, 'dialect')
    const session: unknown = client._?.session
    if (!isObject(dialect) || !isSession(session))
      throw new OptionInvalidError('a prepared query runs on a client of Drizzle, such as fastify.db')
    const built = builtOf.get(dialect) ?? buildOn(client, session)
    builtOf.set(dialect, built)
    const prepared = session.prepareQuery(...built.parameters)
    if (built.joinsNotNullableMap) prepared.joinsNotNullableMap = built.joinsNotNullableMap
    return prepared.execute(values)
  }

  function buildOn(client: QueryClient, session: Session): Built {
    let parameters: unknown[] | undefined
    const recording: Session = Object.assign(Object.create(session), {
      prepareQuery(...given: unknown[]) {
        parameters = given
        return session.prepareQuery(...given)
      }
    })
    const query = build(
      databaseOn(client as NeonDatabase<Tables>, recording),
      PLACEHOLDERS as Placeholders<Values>
    )
    const prepare: unknown = Reflect.get(Object(query), 'prepare')
    const prepared = typeof prepare === 'function' ? Reflect.apply(prepare, query, []) : undefined
    if (parameters === undefined)
      throw new OptionInvalidError(
        'what a prepared query is built by must return a query of the client that it receives'
      )
    return { parameters, joinsNotNullableMap: prepared?.joinsNotNullableMap }
  }
}

class Run<T> extends QueryPromise<T> {
  readonly #execute: () => Promise<T>

  constructor(execute: () => Promise<T>) {
    super()
    this.#execute = execute
  }

  override execute(): Promise<T> {
    return this.#execute()
  }
}

const PLACEHOLDERS: object = new Proxy({}, { get: (_none, name) => sql.placeholder(String(name)) })

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isSession(session: unknown): session is Session {
  return isObject(session) && typeof Reflect.get(session, 'prepareQuery') === 'function'
}
