/**
 * What `client.query` is given, before the driver sees it. A query of another library, such as a cursor, gets no
 * statement timeout: its time is that of its reader. A value that cannot be sent is refused before anything is sent.
 */
import { Client } from '@neondatabase/serverless'
import { type Answerable, boundValues, DriverQuery, type Submittable } from './driver.ts'
import { Pipeline } from './pipeline.ts'
import type { PipeliningClient } from './pipelining-client.ts'
import { isPromised } from './promised-query.ts'
import { type TracedClient, tracedQuery } from './traced-query.ts'

type Callback = NonNullable<Answerable['callback']>

type Send = (...given: unknown[]) => unknown

/** Replaces `client.query`. Not by a method, whose types would have to repeat those of the driver. */
export function guardQuery(
  client: Pick<PipeliningClient, 'connectionParameters' | 'pipelines' | 'runPromised'>,
  traced: TracedClient
): void {
  const { pipelines } = client
  const send = tracedQuery(traced, (...given) =>
    pipelines && isPromised(given)
      ? client.runPromised(given)
      : Reflect.apply(Client.prototype.query, client, given)
  )
  Object.defineProperty(client, 'query', { value: guarded, writable: true, configurable: true })

  function guarded(...given: unknown[]): unknown {
    const [config, next] = given
    if (isForeignQuery(config))
      return withoutTimeout([client.connectionParameters, config], () => send(...given))
    if (config instanceof DriverQuery && !isCallback(next) && !config.callback) giveCallback(config)
    // A client that pipelines looks at the values itself, and a pipeline has.
    return pipelines || config instanceof Pipeline ? send(...given) : sendBound(send, given)
  }
}

/** Of another library: it sends itself, takes its answers itself, and may have no callback. */
export function isForeignQuery(query: unknown): query is Submittable & { query_timeout?: unknown } {
  const isSubmittable =
    typeof query === 'object' && query !== null && typeof Reflect.get(query, 'submit') === 'function'
  return isSubmittable && !(query instanceof DriverQuery) && !(query instanceof Pipeline)
}

/** The driver's timer needs a callback. With one that does nothing, a slow reader would get a part of the rows and no error. */
function withoutTimeout(limited: { query_timeout?: unknown }[], send: () => unknown): unknown {
  const timeouts = limited.map(({ query_timeout }) => query_timeout)
  for (const each of limited) each.query_timeout = undefined
  try {
    return send()
  } finally {
    for (const [index, each] of limited.entries()) each.query_timeout = timeouts[index]
  }
}

/** The driver's timer needs one. With it the driver's query emits no 'error' itself, and keeps rows that are heard one by one. */
function giveCallback(query: DriverQuery) {
  const describe = query.handleRowDescription.bind(query)
  query.callback = error => {
    if (error && query.listenerCount('error') > 0) query.emit('error', error)
  }
  query.handleRowDescription = message => {
    describe(message)
    query._accumulateRows = query.listenerCount('row') === 0
  }
}

/** Behind a value that throws, the driver itself waits for ever. */
function sendBound(send: Send, given: unknown[]): unknown {
  const [config, values, ...others] = given
  try {
    if (Array.isArray(values)) given[1] = boundValues(values)
    else if (hasValues(config)) given[0] = withValues(config, boundValues(config.values))
  } catch (error) {
    return refuse(error, [config, values, ...others])
  }
  return send(...given)
}

function withValues(config: { values: unknown[] }, values: unknown[]): object {
  return config instanceof DriverQuery ? Object.assign(config, { values }) : { ...config, values }
}

function hasValues(config: unknown): config is { values: unknown[] } {
  return isObject(config) && Array.isArray(Reflect.get(config, 'values'))
}

/** In the way in which the caller waits for the answer. */
function refuse(error: unknown, given: unknown[]): unknown {
  const [config, ...others] = given
  const ofConfig: unknown = isObject(config) ? Reflect.get(config, 'callback') : undefined
  const callback = [...others, ofConfig].find(isCallback)
  if (callback === undefined) return Promise.reject(error)
  process.nextTick(callback, error)
  return config
}

function isCallback(value: unknown): value is Callback {
  return typeof value === 'function'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
