/**
 * Random sequences of queries: what is asked, how, and how long the one before is waited for.
 */
import fc from 'fast-check'
import * as statements from './statements.ts'

/** Of the driver's own forms of a query. */
export interface Asked {
  text: string | undefined
  values?: unknown
  /** Of the prepared statement; each sequence has names of its own. */
  name?: string
  rowMode?: 'array'
  binary?: true
  /** Rows to a page. */
  rows?: number
  /** With `types` that leave each value as it came. */
  raw?: true
}

/** How it is handed to the client: `object` is a Query with a callback, and `events` one with listeners. */
export type Style = 'promise' | 'arguments' | 'callback' | 'object' | 'events'

/** What is waited for before: nothing, a turn of the event loop, a moment, everything, or the answer to one. */
export type Wait = 'nothing' | 'turn' | 'moment' | 'all' | number

export interface Step {
  asked: Asked
  style: Style
  wait: Wait
  /** Of the client, which stops to wait then. */
  timeoutMs?: number
  /** What ends it from outside, once it runs. */
  cancelBy?: 'pg_cancel_backend' | 'CancelRequest'
  /** Asked inside of the callback. */
  nested?: Asked
}

/** How the connection ends, while a statement runs, and those behind it wait. */
export interface Ending {
  how: 'terminated' | 'link lost' | 'ended'
  behind: Step[]
}

export interface Sequence {
  steps: Step[]
  ending?: Ending
}

export const MAX_STEPS = 12

// Far above what a loaded machine needs to answer the statement before, and to run its timers.
const SLEEP_S = 0.3
const SHORT_TIMEOUT_MS = 30
const LONG_TIMEOUT_MS = 60_000

const oneOf = <T>(...values: T[]) => fc.constantFrom(...values)

/** Once for so many times that there is nothing. */
const sometimes = <T>(times: number, arbitrary: fc.Arbitrary<T>) =>
  fc.oneof(
    { withCrossShrink: true },
    { weight: times, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary }
  )

const text = fc.oneof(
  { weight: 6, arbitrary: oneOf(...statements.TRANSACTION) },
  { weight: 6, arbitrary: oneOf(...statements.RIGHT) },
  { weight: 3, arbitrary: oneOf(...statements.WRONG) },
  { weight: 4, arbitrary: oneOf(...statements.SESSION) },
  { weight: 1, arbitrary: oneOf(...statements.EMPTY) },
  { weight: 1, arbitrary: oneOf('select \u0000 1', "select 'a\u0000b'", "select 'lone \ud800 surrogate'") }
)

const several = fc.array(text, { minLength: 2, maxLength: 4, size: 'max' }).map(texts => texts.join('; '))

const anyString = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({
    unit: oneOf("'", '"', '\\', ',', '{', '}', 'é', '🐘', ' ', '\n', 'null', '\ud800'),
    maxLength: 6
  }),
  oneOf('', 'NULL', 'a\u0000b', 'x'.repeat(100_000))
)
const anyDate = fc.date({
  min: new Date('0100-01-01T00:00:00Z'),
  max: new Date('9999-01-01T00:00:00Z'),
  noInvalidDate: false
})
const anyBuffer = fc.uint8Array({ maxLength: 12 }).map(bytes => Buffer.from(bytes))

const valuesOfType: Record<string, fc.Arbitrary<unknown>> = {
  int: fc.oneof(fc.integer(), oneOf<unknown>(-0, 1.5, 2 ** 31, '12', 'x', true)),
  bigint: fc.oneof(fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }), fc.maxSafeInteger()),
  numeric: fc.oneof(fc.double(), oneOf<unknown>('0.10', '1e5', 10n ** 30n)),
  float8: fc.oneof(fc.double(), oneOf<unknown>(Number.NaN, Number.POSITIVE_INFINITY, -0)),
  text: fc.oneof(anyString, fc.integer(), fc.boolean(), anyDate),
  boolean: fc.oneof(fc.boolean(), oneOf<unknown>('t', 'off', 2)),
  timestamptz: anyDate,
  timestamp: anyDate,
  date: anyDate,
  bytea: fc.oneof(anyBuffer, fc.uint8Array({ maxLength: 4 }), fc.constant(Buffer.alloc(100_000, 7))),
  json: fc.oneof(fc.object(), fc.jsonValue(), fc.constant({ toPostgres: () => '{"of": "its own"}' })),
  jsonb: fc.oneof(fc.dictionary(anyString, fc.integer()), fc.jsonValue()),
  'int[]': fc.array(fc.option(fc.integer())),
  'text[]': fc.oneof(
    fc.array(fc.option(anyString)),
    fc.array(fc.array(anyString, { minLength: 2, maxLength: 2 }))
  ),
  'bytea[]': fc.array(anyBuffer),
  uuid: fc.oneof(fc.uuid(), anyString),
  interval: oneOf<unknown>('1 day', '-3 hours', 'P1Y', 'never'),
  point: oneOf<unknown>('(1,2)', '(1,2', { x: 1, y: 2 })
}

const typed = fc.oneof(
  ...Object.entries(valuesOfType).map(([type, value]) =>
    fc.record({ text: fc.constant(`select $1::${type} as v`), values: fc.tuple(fc.option(value)) })
  )
)

const withValues: fc.Arbitrary<Asked> = fc.oneof(
  { weight: 6, arbitrary: typed },
  {
    weight: 1,
    arbitrary: fc.record({
      text: fc.constant('select $1 as v'),
      values: fc.tuple(fc.option(anyString, { nil: undefined }))
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      text: oneOf(
        'insert into items (label, amount) values ($1, $2) returning *',
        'insert into parents (name, id) values ($1, $2) on conflict (id) do update set name = $1 returning *',
        'update items set label = $1 where id = $2 returning id, label',
        'insert into items (label, parent_id) values ($1, $2) returning id',
        "select set_config('app.flavour', $1, $2 > 1)",
        'select n, $1 as label from generate_series(1, $2::int) n'
      ),
      values: fc.tuple(
        fc.oneof(fc.string({ maxLength: 5 }), oneOf<unknown>('first', null)),
        fc.integer({ min: -1, max: 30 })
      )
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      text: oneOf(
        'select $1::int as a, $2::int as b',
        'select $1::int as a',
        'select 1 as one',
        'select $3::int as c'
      ),
      values: fc.array(fc.integer(), { maxLength: 4 })
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      text: oneOf(
        'select $1::int as a; select 2 as b',
        'selec $1',
        'select * from missing where id = $1',
        'copy parents to stdout'
      ),
      values: fc.tuple(fc.integer())
    })
  },
  {
    weight: 1,
    arbitrary: oneOf<Asked>(
      { text: 'select $1::int as one, true as yes', values: [1], binary: true },
      { text: 'select 1', values: 5 },
      { text: undefined },
      { text: undefined, values: [1] }
    )
  }
)

const name = oneOf('a', 'b', 'c')
const named: fc.Arbitrary<Asked> = fc.oneof(
  fc.record({ name, text: oneOf(...statements.NAMED) }),
  fc.record({
    name,
    text: oneOf(...statements.NAMED_WITH_VALUE),
    values: fc.tuple(fc.oneof(fc.integer(), anyString))
  }),
  fc.record({ name, text: fc.constant(undefined) })
)

const plain: fc.Arbitrary<Asked> = fc.oneof(
  { weight: 7, arbitrary: fc.record({ text }) },
  { weight: 2, arbitrary: fc.record({ text: several }) },
  { weight: 4, arbitrary: withValues },
  { weight: 4, arbitrary: named }
)

const asked: fc.Arbitrary<Asked> = fc
  .tuple(plain, sometimes(6, oneOf<Partial<Asked>>({ rowMode: 'array' }, { raw: true })))
  .map(([query, more]) => ({ ...query, ...more }))

const style = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Style>('promise') },
  { weight: 4, arbitrary: oneOf<Style>('arguments', 'callback', 'object', 'events') }
)

const wait = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Wait>('nothing') },
  { weight: 4, arbitrary: oneOf<Wait>('turn', 'moment', 'all') },
  { weight: 2, arbitrary: fc.nat({ max: MAX_STEPS }) }
)

const step: fc.Arbitrary<Step> = fc
  .record({ asked, style, wait, timed: fc.nat({ max: 9 }), nested: sometimes(3, plain) })
  .map(({ asked, style, wait, timed, nested }) => ({
    asked,
    style,
    wait,
    // The driver has no timeout for a query without a callback.
    ...(timed === 9 && style !== 'events' ? { timeoutMs: LONG_TIMEOUT_MS } : {}),
    ...(style === 'callback' && nested !== undefined ? { nested } : {})
  }))

const ask = (text: string, more: Partial<Step> = {}): Step => ({
  asked: { text },
  style: 'promise',
  wait: 'nothing',
  ...more
})

// What may not fail, or else the stock client would wait for good, begins with what ends a failed transaction.
const clear = ask('rollback')

const paged = fc
  .record({
    rows: oneOf(1, 3, 100),
    text: oneOf(
      'select generate_series(1, 10) as n',
      'select * from parents order by id',
      '',
      'select 1 where false'
    ),
    style
  })
  .map(({ rows, text, style }) => [clear, { asked: { text, rows }, style, wait: 'nothing' } satisfies Step])

const cancelled = fc
  .record({
    cancelBy: oneOf<'pg_cancel_backend' | 'CancelRequest'>('pg_cancel_backend', 'CancelRequest'),
    query: oneOf<Asked>(
      { text: 'select pg_sleep(30)' },
      { text: 'select 1 as before; select pg_sleep(30); select 2 as behind' },
      { text: 'select pg_sleep($1)', values: [30] },
      { text: 'select pg_sleep(30) as named', name: 'sleeper' }
    ),
    style,
    wait
  })
  .map(({ cancelBy, query, style, wait }) => [{ asked: query, style, wait, cancelBy } satisfies Step])

const timedOut = oneOf<Style>('promise', 'callback', 'object').map(style => [
  clear,
  ask(`select pg_sleep(${SLEEP_S})`, { wait: 'all', style, timeoutMs: SHORT_TIMEOUT_MS })
])

const timedOutBehind = oneOf<Style>('promise', 'callback', 'object').map(style => [
  clear,
  ask(`select pg_sleep(${SLEEP_S})`, { wait: 'all' }),
  ask('select 1 as late', { style, timeoutMs: SHORT_TIMEOUT_MS })
])

// Those that take long are rare: a hundred in two thousand sequences.
const group: fc.Arbitrary<Step[]> = fc.oneof(
  { weight: 1000, arbitrary: step.map(one => [one]) },
  { weight: 40, arbitrary: paged },
  { weight: 16, arbitrary: cancelled },
  { weight: 2, arbitrary: timedOut },
  { weight: 2, arbitrary: timedOutBehind }
)

const ending = fc.record({
  how: oneOf<Ending['how']>('terminated', 'link lost', 'ended'),
  behind: fc.array(step, { maxLength: 4, size: 'max' })
})

export const anySequence: fc.Arbitrary<Sequence> = fc
  .record({
    groups: fc.array(group, { minLength: 1, maxLength: MAX_STEPS, size: 'max' }),
    ending: sometimes(40, ending)
  })
  .map(({ groups, ending }) => ({ steps: groups.flat(), ...(ending === undefined ? {} : { ending }) }))

/** What a step of this name asked: its number, or that with `inside`. */
export function askedBy(name: string, { steps }: Sequence): Asked | undefined {
  const [index, inside] = name.split(' ')
  const step = steps[Number(index)]
  return inside === undefined ? step?.asked : step?.nested
}
