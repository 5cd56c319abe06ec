/**
 * The driver's inside, as far as the pipelining client leans on it, and the check that it still looks like this.
 * Written for @neondatabase/serverless 1.2.0, which has the Client of pg 8.8 in it.
 */
import { Client, type ClientConfig, type QueryConfig } from '@neondatabase/serverless'
import { noteOfValue } from '../errors/value-error.ts'
import type { BoundValue } from './protocol/frontend-messages.ts'

/** Takes the answers to what was sent for it. */
export interface Answerable {
  callback?: ((error: unknown, result?: unknown) => void) | undefined
  handleRowDescription(message: object): void
  handleDataRow(message: object): void
  handleCommandComplete(message: { text: string }, connection: object): void
  handleEmptyQuery(connection: object): void
  handleError(error: unknown, connection: object): void
  handleReadyForQuery(connection: object): void
}

/** What `client.query` takes apart from text: a query of the driver, or one of a library such as pg-cursor. */
export interface Submittable extends Answerable {
  /** Sends itself. An error when it cannot be sent, and then nothing was. */
  submit(connection: object): Error | null | undefined
}

/** The driver's own. */
export interface DriverQuery extends Submittable {
  text?: unknown
  name?: unknown
  values?: unknown[]
  /** Rows for each Execute. */
  rows?: unknown
  portal?: unknown
  binary?: boolean
  /** What it is answered with at the next ReadyForQuery, in place of a result. */
  _canceledDueToError: unknown
  /** Its result keeps the rows. */
  _accumulateRows: unknown
  _result: { _types?: unknown }
  requiresPreparation(): unknown
  listenerCount(event: string): number
  emit(event: string, ...values: unknown[]): boolean
}

export interface DriverQueryConfig {
  text: string
  values?: unknown[] | undefined
  name?: string | undefined
  rowMode?: string | undefined
  types?: QueryConfig['types']
}

/** The driver's Client, with what its types leave out. */
export interface DriverInside {
  activeQuery: Answerable | null | undefined
  queryQueue: Submittable[]
  /** Undefined until the login is over, false while an answer is on its way. */
  readyForQuery: boolean | undefined
  hasExecuted: boolean | undefined
  _types: unknown
  /** False once the connection is lost. */
  readonly _queryable: boolean
  readonly _ending: boolean
  /** The driver reads the statement timeout there, for each query. */
  readonly connectionParameters: { query_timeout?: unknown }
  readonly processID: number | null
  readonly secretKey: number | null
  /** Sends what is in the queue and may be sent. */
  _pulseQueryQueue(): void
  /** Tells all queries of the loss of the connection. */
  _errorAllQueries(error: unknown): void
  _handleParseComplete(): void
  _handleErrorMessage(error: ServerError): void
}

/** An ErrorResponse. */
export interface ServerError {
  severity?: string | undefined
}

const MODULE: object = { Client }
export const DriverClient: new (config: ClientConfig) => Client & DriverInside = Reflect.get(MODULE, 'Client')

export const DriverQuery: new (config: DriverQueryConfig, values?: unknown[]) => DriverQuery = Reflect.get(
  Client,
  'Query'
)

// The count is an Int16. PostgreSQL, "Message Formats", Bind.
const MOST_PARAMETERS = 65_535

const METHODS_OF_CLIENT = [
  'query',
  '_pulseQueryQueue',
  '_errorAllQueries',
  '_handleReadyForQuery',
  '_handleErrorMessage',
  '_handleParseComplete',
  '_handleAuthCleartextPassword'
]
const METHODS_OF_QUERY = [
  'submit',
  'prepare',
  'requiresPreparation',
  'handleRowDescription',
  'handleDataRow',
  'handleCommandComplete',
  'handleEmptyQuery',
  'handleError',
  'handleReadyForQuery'
]
const METHODS_OF_CONNECTION = ['on', 'once', 'emit', 'removeAllListeners', 'query', 'password']

let fits: boolean | undefined

/** Whether the driver is as it should be; says once, as a warning of the process, what is not. */
export function driverFits(): boolean {
  fits ??= warnOf(findMisfit())
  return fits
}

export function warnOf(misfit: string | undefined): boolean {
  if (misfit !== undefined)
    process.emitWarning(
      `@neondatabase/serverless is not the version that fastify-neon knows (${misfit}): statements wait for each other`,
      { code: 'FST_NEON_DRIVER_UNKNOWN' }
    )
  return misfit === undefined
}

/**
 * What of the driver is not as it should be, or undefined when all is. Without it statements are sent one after
 * another, as the driver does.
 */
export function findMisfit(
  client: object = new Client({ host: 'localhost' }),
  Query: typeof DriverQuery | null = DriverQuery
) {
  const connection: unknown = Reflect.get(client, 'connection')
  if (typeof Query !== 'function') return 'Client.Query'
  if (!isObject(connection)) return 'client.connection'
  return (
    missingMethod('client', client, METHODS_OF_CLIENT) ??
    missingMethod('Query', Query.prototype, METHODS_OF_QUERY) ??
    missingMethod('connection', connection, METHODS_OF_CONNECTION) ??
    missingMethod('connection.stream', Reflect.get(connection, 'stream'), ['write', 'emit']) ??
    (Array.isArray(Reflect.get(client, 'queryQueue')) ? undefined : 'client.queryQueue') ??
    (Reflect.get(client, '_queryable') === true ? undefined : 'client._queryable') ??
    (Reflect.get(client, '_ending') === false ? undefined : 'client._ending') ??
    (isObject(Reflect.get(connection, 'parsedStatements')) ? undefined : 'connection.parsedStatements') ??
    (canPrepareValues(Query) ? undefined : 'prepareValue')
  )
}

function missingMethod(owner: string, object: unknown, names: string[]): string | undefined {
  const missing = names.find(name => !isObject(object) || typeof Reflect.get(object, name) !== 'function')
  return missing && `${owner}.${missing}`
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

type PrepareValue = (value: unknown) => BoundValue

let prepareValue: PrepareValue | undefined

/** A query of another version may throw at a connection that has so little. */
function canPrepareValues(Query: typeof DriverQuery): boolean {
  try {
    findPrepareValue(Query)
    return true
  } catch {
    return false
  }
}

/** How the driver turns values of JavaScript into those of Postgres, which it tells nobody but its connection. */
function findPrepareValue(Query: typeof DriverQuery): PrepareValue {
  const ignore = () => {}
  let found: PrepareValue | undefined
  const connection = {
    parsedStatements: {},
    parse: ignore,
    describe: ignore,
    execute: ignore,
    sync: ignore,
    bind({ valueMapper }: { valueMapper?: PrepareValue }) {
      found = valueMapper
    }
  }
  new Query({ text: 'select $1' }, [1]).submit(connection)
  if (found === undefined) throw new TypeError('the driver does not say how it prepares values')
  return found
}

/** Throws what a value throws that cannot be turned into one of Postgres. */
export function boundValues(values: readonly unknown[]): BoundValue[] {
  prepareValue ??= findPrepareValue(DriverQuery)
  const prepare = prepareValue
  try {
    if (values.length > MOST_PARAMETERS) throw new RangeError(tooMany(values.length))
    return values.map(value => prepare(value) ?? null)
  } catch (error) {
    if (isObject(error)) noteOfValue(error)
    throw error
  }
}

function tooMany(count: number): string {
  return `a statement takes at most ${MOST_PARAMETERS} parameters, and this one has ${count}: insert fewer rows at once`
}
