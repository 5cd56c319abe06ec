/**
 * The driver's Client, which sends a statement without waiting for the answer to the one before. Each has its own
 * Sync, so the error of one is none of the next. What must not share the way, such as COPY, goes alone.
 */
import type { ClientConfig } from '@neondatabase/serverless'
import { mayPipeline } from '../runtime/statement-text.ts'
import {
  type Answerable,
  boundValues,
  DriverClient,
  DriverQuery,
  type ServerError,
  type Submittable
} from './driver.ts'
import { Pipeline, type PipelineResult } from './pipeline.ts'
import {
  canBeName,
  createPreparedStatements,
  type NamedStatement,
  type PreparedStatements,
  type Written
} from './prepared-statements.ts'
import { type GivenQuery, type PromisedQuery, promisedQuery } from './promised-query.ts'
import { type BoundValue, createFrontendMessages } from './protocol/frontend-messages.ts'
import { emitMessagesDirectly } from './protocol/message-events.ts'
import { ProtocolViolationError } from './protocol/response-order.ts'
import type { StatementNames } from './statement-names.ts'
import { createStatementTimeouts } from './statement-timeouts.ts'

interface Sent {
  query: Submittable
  /** What a query of the driver was prepared under. */
  name?: string
  /** It had been prepared before. */
  isReused?: boolean
  /** It went unnamed, and the server has not parsed it yet. */
  isNew?: boolean | undefined
  /** Nothing may be sent behind it before it is answered. */
  isAlone: boolean
  /** It was not sent, and this is what its caller is told in its turn. */
  refusal?: Error | undefined
  /** No Sync is behind it that the server would look at after an error. */
  needsSync?: boolean
}

// A pipeline's answer is told from those of the two before it.
const MARKS = 3

// As the driver says it.
const CLOSED = 'Client was closed and is not queryable'
const LOST = 'Client has encountered a connection error and is not queryable'

// It is empty between two statements, so one is enough for all clients.
const MESSAGES = createFrontendMessages()

const UNNAMED: Written = { name: '', isReused: false }

export abstract class PipeliningClient extends DriverClient {
  /** False: one after another, as the driver does. */
  readonly pipelines: boolean
  readonly #sent: Sent[] = []
  /** Of statements that went unnamed; whether the server parses them is not known yet. */
  readonly #newNames = new Set<string>()
  readonly #prepared: PreparedStatements
  readonly #timeouts = createStatementTimeouts<Pipeline | PromisedQuery>(query => this.#giveUp(query))
  #isLastAlone = false
  #marked = 0
  /** Whose answer comes. */
  #receiving: Sent | undefined

  constructor(config: ClientConfig, pipelines: boolean, names?: StatementNames) {
    super(config)
    this.pipelines = pipelines
    emitMessagesDirectly(this.connection)
    this.#prepared = createPreparedStatements({ names })
    this.connection.on('readyForQuery', () => this.#settleNames())
    this.connection.once('end', () => this.#timeouts.stop())
    if (pipelines) this.#syncAfterErrors()
  }

  /** Statements that were handed over and not answered. */
  get unanswered(): number {
    return this.#sent.length + this.queryQueue.length + (this.activeQuery ? 1 : 0)
  }

  /**
   * Sends the statements of a pipeline behind each other, and resolves with a result for each. Rejects with the first
   * error; `pipeline.answered` tells how far it came. Only for a client that pipelines.
   */
  runPipeline(pipeline: Pipeline): Promise<PipelineResult[]> {
    return new Promise((resolve, reject) => {
      const settle: Pipeline['onOutcome'] = (error, results = []) => {
        this.#timeouts.forgetOver()
        if (error) reject(error)
        else resolve(results)
      }
      pipeline.onOutcome = settle
      this.#enqueue(pipeline)
    })
  }

  /** As the driver's `query` with a text or a config and no callback. Only for a client that pipelines. */
  runPromised(given: GivenQuery): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const query = promisedQuery(given, (error, result) => {
        this.#timeouts.forgetOver()
        if (error) reject(error)
        else resolve(result)
      })
      query._result._types ??= this._types
      this.#enqueue(query)
    })
  }

  /** As the driver's `query`, which would make a callback and a timer for each. */
  #enqueue(query: Pipeline | PromisedQuery) {
    if (!this._queryable || this._ending) {
      const error = new Error(this._queryable ? CLOSED : LOST)
      return process.nextTick(() => query.handleError(error, this.connection))
    }
    const { query_timeout: timeoutMs } = this.connectionParameters
    if (typeof timeoutMs === 'number' && timeoutMs > 0) this.#timeouts.start(query, timeoutMs)
    this.queryQueue.push(query)
    this._pulseQueryQueue()
  }

  #giveUp(query: Pipeline | PromisedQuery) {
    query.handleError(new Error('Query read timeout'), this.connection)
    const index = this.queryQueue.indexOf(query)
    if (index !== -1) this.queryQueue.splice(index, 1)
    this._pulseQueryQueue()
  }

  /** The driver calls it whenever there may be something to send. */
  override _pulseQueryQueue(): void {
    if (this.pipelines) this.#pulse()
    else super._pulseQueryQueue()
  }

  /**
   * An error is answered with what comes behind it, ReadyForQuery: what else comes there says that it is none, and a
   * COMMIT may have been done.
   */
  override _handleErrorMessage(error: ServerError): void {
    const { activeQuery: query } = this
    if (error.severity !== 'ERROR') super._handleErrorMessage(error)
    else if (query instanceof Pipeline) query.holdError(error)
    else if (query instanceof DriverQuery && (this.pipelines || hasSync(query)))
      query._canceledDueToError = error
    else super._handleErrorMessage(error)
  }

  override _errorAllQueries(error: unknown): void {
    if (error instanceof ProtocolViolationError) forgetError(this.activeQuery)
    // More may have been sent than a call takes arguments.
    this.queryQueue = [...this.#sent.splice(0).map(({ query }) => query), ...this.queryQueue]
    super._errorAllQueries(error)
  }

  override _handleParseComplete(): void {
    if (this.pipelines) this.#noteParsed()
    else super._handleParseComplete()
  }

  #noteParsed() {
    if (this.#receiving?.isNew) this.#receiving.isNew = false
    this.#prepared.parsed(this.preparedName)
  }

  /** What the statement whose answer comes was prepared under; empty for nothing that is known here. */
  protected get preparedName(): string {
    return this.activeQuery instanceof Pipeline ? this.activeQuery.name : (this.#receiving?.name ?? '')
  }

  /** The session has dropped what it had prepared. */
  protected forgetPrepared() {
    this.#prepared.forgetAll()
  }

  /** The server cannot execute it any more. */
  protected notePreparedStale(name: string) {
    this.#prepared.noteStale(name)
  }

  /** The last statement that left. */
  protected abstract onSent(query: Answerable, text: string): void

  #pulse() {
    this.#receiveNext()
    for (let next = this.queryQueue[0]; next && this.#maySend(next); next = this.queryQueue[0]) {
      this.queryQueue.shift()
      this.#send(next)
    }
    if (this.#isIdle && this.hasExecuted) this.emit('drain')
  }

  get #isIdle(): boolean {
    return this.readyForQuery === true && this.#sent.length === 0
  }

  #maySend(query: Submittable): boolean {
    // The login is not over.
    if (this.readyForQuery === undefined) return false
    if (this.#isIdle) return true
    if (this.#isLastAlone || isAlone(query)) return false
    // Whether it has to be prepared again is not known yet.
    if (query instanceof Pipeline) return true
    return !this.#newNames.has(nameOf(query)) && !this.#prepared.isAwaited(namedOf(query))
  }

  #send(query: Submittable) {
    const sent = this.#writeOrRefuse(query)
    this.hasExecuted = true
    this.#isLastAlone = sent.isAlone
    this.#sent.push(sent)
    if (!sent.refusal) this.onSent(query, textOf(query))
    this.#receiveNext(process.nextTick)
  }

  /** What was written in part must not stand in front of the next statement, which may be that of another client. */
  #writeOrRefuse(query: Submittable): Sent {
    try {
      return this.#write(query)
    } catch (error) {
      MESSAGES.take()
      const sent = { query, name: this.#prepared.nameOf(namedOf(query)), isAlone: false }
      for (const name of newNamesOf(sent)) this.#prepared.settled(name)
      return { ...sent, refusal: errorOf(error) }
    }
  }

  #write(query: Submittable): Sent {
    if (query instanceof Pipeline) {
      query.useTypes(this._types)
      if (query.isMarked) this.#marked += 1
      query.write(MESSAGES, this.#prepared, query.isMarked ? this.#marked % MARKS : 0)
      this.#flush()
      return { query, isAlone: false }
    }
    if (!(query instanceof DriverQuery)) return this.#writeAlone(query)
    const refusal = this.#refusalOf(query)
    if (refusal) return { query, isAlone: false, refusal }
    // Once, and before anything is written: a value may be made by code of the caller.
    const values = valuesOf(query)
    if (values instanceof Error) return { query, isAlone: false, refusal: values }
    if (isInParts(query)) return this.#writeAlone(query)
    const written = this.#writePlain(query, values)
    if (written.isNew) this.#newNames.add(nameOf(query))
    return { query, ...written, isAlone: isAlone(query) }
  }

  /** As the driver refuses. */
  #refusalOf({ text, name, values }: DriverQuery): Error | undefined {
    if (typeof text !== 'string' && typeof name !== 'string')
      return new Error('A query must have either text or a name. Supplying neither is unsupported.')
    if (!name) return refusalOfValues(values)
    if (!canBeName(name))
      return new Error('The name of a prepared statement must be a text of at most 63 bytes')
    if (this.#prepared.isTaken({ name, text: String(text ?? '') }))
      return new Error(`Prepared statements must be unique - '${name}' was used for a different statement`)
    return refusalOfValues(values)
  }

  /** Answers what it is prepared under. */
  #writePlain(query: DriverQuery, values: BoundValue[]): Written {
    const statement = namedOf(query)
    if (!query.requiresPreparation()) {
      this.connection.query(statement.text)
      return UNNAMED
    }
    const written = statement.name === '' ? UNNAMED : this.#prepared.write(statement, MESSAGES)
    if (statement.name === '') MESSAGES.parse('', statement.text)
    MESSAGES.bind(written.name, values, query.binary)
    MESSAGES.describePortal()
    MESSAGES.execute()
    MESSAGES.sync()
    this.#flush()
    return written
  }

  #writeAlone(query: Submittable): Sent {
    const name = nameOf(query) === '' ? '' : this.#renew(query)
    const refusal = query.submit(this.connection) ?? undefined
    return { query, name, isAlone: true, refusal, needsSync: query instanceof DriverQuery }
  }

  /** What the driver knows of names is not kept up to date here, so the server forgets this one first. */
  #renew(query: Submittable): string {
    if (query instanceof DriverQuery) Object.assign(query, this.#prepared.replace(namedOf(query), MESSAGES))
    else MESSAGES.closeStatement(nameOf(query))
    const name = nameOf(query)
    Reflect.deleteProperty(Reflect.get(this.connection, 'parsedStatements'), name)
    this.#flush()
    return name
  }

  #flush() {
    this.connection.stream.write(MESSAGES.take())
  }

  /** Who is refused hears it in his turn: the next answer may have come together with the last one. */
  #receiveNext(tell = (refuse: () => void) => refuse()) {
    while (this.readyForQuery === true) {
      const next = this.#sent.shift()
      if (next === undefined) return
      const { query, refusal } = next
      if (refusal) {
        tell(() => query.handleError(refusal, this.connection))
        continue
      }
      this.#receiving = next
      this.activeQuery = query
      this.readyForQuery = false
      if (query instanceof Pipeline) query.noteReached()
    }
  }

  /** The driver sends none after the error of a portal, nor after that of a COPY, which has read the one behind it. */
  #syncAfterErrors() {
    const { connection } = this
    const note = (needsSync: boolean) => {
      if (this.#receiving?.isAlone) this.#receiving.needsSync = needsSync
    }
    connection.on('copyInResponse', () => {
      const { activeQuery: query } = this
      if (query instanceof DriverQuery && query.requiresPreparation()) note(true)
    })
    connection.on('commandComplete', () => note(false))
    connection.on('emptyQuery', () => note(false))
    connection.on('errorMessage', () => {
      if (!this.#receiving?.needsSync) return
      note(false)
      MESSAGES.sync()
      this.#flush()
    })
  }

  #settleNames() {
    const received = this.#receiving
    // It has its rows, which would be kept until the next statement.
    this.#receiving = undefined
    for (const name of newNamesOf(received)) this.#prepared.settled(name)
    if (received?.isNew === undefined) return
    const name = nameOf(received.query)
    this.#newNames.delete(name)
    if (received.isNew) this.#prepared.refused(name)
  }
}

/** Of another library's query nothing is known, and a portal is fetched in parts. */
function isAlone(query: Submittable): boolean {
  if (query instanceof Pipeline) return false
  return !(query instanceof DriverQuery) || isInParts(query) || !mayPipeline(textOf(query))
}

/** The driver sends none behind a portal, and the server reads over that behind the data of a COPY. */
function hasSync(query: DriverQuery): boolean {
  return !query.requiresPreparation() || (!isInParts(query) && mayPipeline(textOf(query)))
}

function forgetError(query: Answerable | null | undefined) {
  if (query instanceof Pipeline) query.holdError(undefined)
  else if (query instanceof DriverQuery) query._canceledDueToError = undefined
}

function refusalOfValues(values: unknown): Error | undefined {
  return values && !Array.isArray(values) ? new Error('Query values must be an array') : undefined
}

function isInParts({ rows, portal }: DriverQuery): boolean {
  return Boolean(rows || portal)
}

/** An error for what cannot be sent; behind its like the driver waits for ever. */
function valuesOf({ values = [] }: DriverQuery): BoundValue[] | Error {
  try {
    return boundValues(values)
  } catch (error) {
    return errorOf(error)
  }
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/** What was prepared for it: another one may have prepared what this one reuses again, and be awaited. */
function newNamesOf(sent: Sent | undefined): string[] {
  if (sent?.query instanceof Pipeline) return sent.query.names
  return sent?.isReused ? [] : [sent?.name ?? '']
}

function namedOf(query: Answerable): NamedStatement {
  return { name: nameOf(query), text: textOf(query) }
}

function nameOf(query: Answerable | null | undefined): string {
  const name = query && Reflect.get(query, 'name')
  return typeof name === 'string' ? name : ''
}

function textOf(query: Answerable): string {
  const text: unknown = Reflect.get(query, 'text')
  return typeof text === 'string' ? text : ''
}
