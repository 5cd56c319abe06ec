/**
 * Statements that leave together, with one Sync behind them: the server skips all that comes after one that
 * fails, so none runs without those before it, and what is in no BEGIN is a transaction of its own.
 */
import { randomBytes } from 'node:crypto'
import { isTimeout } from '../errors/timeout.ts'
import { isSingle, mayPipeline } from '../runtime/statement-text.ts'
import type { StatementMessage } from '../tracing/channels.ts'
import { boundValues, DriverQuery, type DriverQueryConfig, type Submittable } from './driver.ts'
import { canBeName, type PreparedStatements } from './prepared-statements.ts'
import type { BoundValue, FrontendMessages } from './protocol/frontend-messages.ts'
import { ProtocolViolationError } from './protocol/response-order.ts'
import { sessionChangeOf } from './session-change.ts'
import type { PreparedAs } from './statement-names.ts'

export interface PipelineStatement extends DriverQueryConfig {
  /** Its rows are nobody's business, and the server does not describe them. @default false */
  isQuiet?: boolean
  /** It takes one parameter more than it has values: its one row must be all of them, or the answer is of another pipeline. @default false */
  isEchoed?: boolean
}

export interface PipelineResult {
  rows: unknown[]
  rowCount: number | null
  command: string
}

interface Step {
  statement: PipelineStatement
  /** Takes the answer, where anybody wants it. */
  query: DriverQuery | undefined
  values: BoundValue[]
  /** What it is prepared under; empty for none. */
  name: string
  /** It had been prepared before. */
  isReused: boolean
  /** No row of it has come that had to be what was sent. */
  isToBeEchoed: boolean
}

// Other processes may have connections to the same pooler.
const PROCESS = randomBytes(6).toString('base64url')
let pipelines = 0

const NONE: string[] = []
const NO_RESULT: PipelineResult = { rows: [], rowCount: 0, command: '' }

export interface PipelineSettings {
  /** A session that has a transaction open behind it is ended, since others ride on it. @default false */
  endsIdle?: boolean
  /** Its answer has another form than those of the pipelines beside it, so that it cannot be taken for theirs. @default false */
  isMarked?: boolean
  /** It is a batch, which is traced as a whole. @default false */
  isBatch?: boolean
  /** The one that is sent again by this one. */
  previous?: Pipeline | undefined
}

export class Pipeline implements Submittable {
  readonly endsIdle: boolean
  readonly isMarked: boolean
  readonly isBatch: boolean
  readonly previous: Pipeline | undefined
  /** Once it was sent, where anybody subscribes. */
  message: StatementMessage | undefined
  onOutcome: (error: unknown, results?: PipelineResult[]) => void = ignore
  /** Answered, failed, or given up for lack of time. */
  isOver = false
  /** How many statements were answered with success. */
  answered = 0
  /** Nobody wants its answer any more, and the server is told. */
  isGivenUp = false
  /** The end of another one has met it instead, so the server has not done it. */
  isMetByCancel = false
  #onReached = ignore
  #isReached = false
  #hasNewNames = false
  readonly #steps: Step[]
  #error: unknown

  /** Throws what a value throws that cannot be one of Postgres; then nothing was sent. */
  constructor(
    statements: readonly PipelineStatement[],
    { endsIdle = false, isMarked = false, isBatch = false, previous }: PipelineSettings = {}
  ) {
    this.endsIdle = endsIdle
    this.isMarked = isMarked
    this.isBatch = isBatch
    this.previous = previous
    this.#steps = statements.map(statement => ({
      statement: canBeName(statement.name) ? statement : withName(statement, undefined),
      query: statement.isQuiet ? undefined : new DriverQuery(statement),
      values: boundValues(valuesOf(statement)),
      name: '',
      isReused: false,
      isToBeEchoed: statement.isEchoed === true
    }))
  }

  /** That its statements are prepared under, where they had not been before. */
  get names(): string[] {
    if (!this.#hasNewNames) return NONE
    return this.#steps.flatMap(({ name, isReused }) => (isReused ? [] : name || []))
  }

  /** Of its last statement, as a query of the driver shows them. */
  get text(): string {
    return this.#steps.at(-1)?.statement.text ?? ''
  }

  /** What one of those whose rows are wanted leaves on the session; undefined for none. */
  get sessionChange(): string | undefined {
    for (const { statement } of this.#steps) {
      const change = statement.isQuiet ? undefined : sessionChangeOf(statement.text)
      if (change !== undefined) return change
    }
    return undefined
  }

  get values(): unknown[] {
    return this.#steps.at(-1)?.statement.values ?? []
  }

  /** What the statement whose answer comes next was prepared under. */
  get name(): string {
    return this.#current?.name ?? ''
  }

  /** That statement, where it had been prepared before, maybe for tables that were others then. */
  get reused(): PreparedAs | undefined {
    const step = this.#current
    return step?.isReused ? { name: step.name, text: step.statement.text } : undefined
  }

  /** `mark`: how many messages are sent that do nothing, and are answered. */
  write(messages: FrontendMessages, prepared: PreparedStatements, mark = 0): void {
    for (let closes = 0; closes < mark; closes += 1) messages.closePortal()
    for (const step of this.#steps) {
      const { statement, values, query } = step
      const name = nameFor(statement, prepared)
      if (name === '') messages.parse('', statement.text)
      else {
        const written = prepared.write({ name, text: statement.text }, messages)
        step.name = written.name
        step.isReused = written.isReused
        this.#hasNewNames ||= written.name !== '' && !written.isReused
      }
      messages.bind(step.name, values)
      if (query) messages.describePortal()
      messages.execute()
    }
    messages.sync()
  }

  /** Lets the server's answer to each find the types of its columns. */
  useTypes(types: unknown) {
    for (const { query } of this.#steps) if (query) query._result._types ??= types
  }

  /** A client of which the driver is not as it should be has no pipelines. */
  submit(): Error {
    return new Error('a pipeline needs a client that pipelines')
  }

  handleRowDescription(message: object) {
    this.#current?.query?.handleRowDescription(message)
  }

  /** Throws ProtocolViolationError for an echo that is none. */
  handleDataRow(message: object) {
    const step = this.#current
    if (step?.statement.isEchoed) checkEcho(step, message)
    else step?.query?.handleDataRow(message)
  }

  /** Throws ProtocolViolationError when there was no echo, and there had to be one. */
  handleCommandComplete(message: { text: string }, connection: object) {
    const step = this.#current
    if (step?.isToBeEchoed) throw new ProtocolViolationError()
    step?.query?.handleCommandComplete(message, connection)
    this.answered += 1
  }

  handleEmptyQuery() {
    this.answered += 1
  }

  /** The server may be at work on it. */
  get isReached(): boolean {
    return this.#isReached
  }

  /** Resolves when the next answer is for it, or when the connection is lost. */
  reached(): Promise<void> {
    return new Promise(resolve => {
      if (this.#isReached) resolve()
      else this.#onReached = resolve
    })
  }

  noteReached() {
    this.#isReached = true
    this.#onReached()
  }

  /** What it fails with, as soon as its answer is whole or the connection is lost. */
  holdError(error: unknown) {
    this.#error = error
  }

  handleError(error: unknown) {
    this.#onReached()
    if (this.isOver) return
    this.isOver = true
    this.onOutcome(this.#error ?? error)
  }

  handleReadyForQuery(connection: object) {
    if (this.#error !== undefined) return this.handleError(this.#error)
    const results: PipelineResult[] = []
    for (const { query } of this.#steps) {
      if (query === undefined) {
        results.push(NO_RESULT)
        continue
      }
      const take: DriverQuery['callback'] = (error, result) => {
        if (error) this.handleError(error)
        else if (isResult(result)) results.push(result)
      }
      query.callback = take
      query.handleReadyForQuery(connection)
    }
    if (this.isOver) return
    this.isOver = true
    this.onOutcome(null, results)
  }

  get #current(): Step | undefined {
    return this.#steps[this.answered]
  }
}

function valuesOf({ values = [], isEchoed = false }: PipelineStatement): readonly unknown[] {
  if (!isEchoed) return values
  pipelines += 1
  return [...values, `${PROCESS}${pipelines}`]
}

function checkEcho(step: Step, row: object) {
  const fields: unknown = Reflect.get(row, 'fields')
  const isEcho =
    step.isToBeEchoed &&
    Array.isArray(fields) &&
    fields.length === step.values.length &&
    step.values.every((value, index) => isSame(value, fields[index]))
  if (!isEcho) throw new ProtocolViolationError()
  step.isToBeEchoed = false
}

/** A text may have halves of characters, which have no bytes of their own. */
function isSame(value: BoundValue, field: unknown): boolean {
  return value === field || (typeof value === 'string' && Buffer.from(value).toString() === field)
}

/** None while the server has not answered whether it has the name, since a pipeline waits for nothing, nor for one of another text. */
function nameFor({ name = '', text }: PipelineStatement, prepared: PreparedStatements) {
  const statement = { name, text }
  return prepared.isAwaited(statement) || prepared.isTaken(statement) ? '' : name
}

function isResult(result: unknown): result is PipelineResult {
  return typeof result === 'object' && result !== null
}

function ignore() {}

/** For what is sent again: an unnamed statement is prepared each time, so it cannot be stale. */
export function unnamed(statement: PipelineStatement): PipelineStatement {
  return withName(statement, undefined)
}

/** Field by field: all statements of one shape are faster than copies of what was given. */
export function withName(statement: PipelineStatement, name: string | undefined): PipelineStatement {
  const { text, values, rowMode, types, isQuiet, isEchoed } = statement
  return { text, values, name, rowMode, types, isQuiet, isEchoed }
}

/** The arguments of the driver's `query` as a statement of a pipeline; undefined for what cannot be one. */
export function asPipelineStatement(
  config: unknown,
  values?: unknown,
  ...others: unknown[]
): PipelineStatement | undefined {
  const given = typeof config === 'string' ? { text: config } : config
  if (!isConfig(given) || (others.length > 0 && others[0] !== undefined)) return undefined
  if (!isSingle(given.text) || !mayPipeline(given.text)) return undefined
  const statement = withName(given, given.name)
  if (values !== undefined) Object.assign(statement, { values })
  return statement.values === undefined || Array.isArray(statement.values) ? statement : undefined
}

const TAKES_MORE = ['submit', 'callback', 'rows', 'portal', 'binary']

function isConfig(config: unknown): config is PipelineStatement {
  if (typeof config !== 'object' || config === null) return false
  return (
    typeof Reflect.get(config, 'text') === 'string' && TAKES_MORE.every(name => !Reflect.get(config, name))
  )
}

/**
 * It waited behind others that took all its time, so the wait for a client is over and its own time begins; or the
 * cancel of one of them came too late, and met it.
 */
export function wasNotDone({ isReached, isMetByCancel }: Pipeline, error: unknown): boolean {
  return isMetByCancel || (isTimeout(error) && !isReached)
}
