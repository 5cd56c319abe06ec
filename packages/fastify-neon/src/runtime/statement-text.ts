/**
 * What can be told of a statement by its text. Each answer is on the safe side: a statement that is taken for more
 * than it is takes a way that costs more.
 */
import { cachedByText } from './text-cache.ts'

// The server takes what follows COPY for data, of COMMIT it must be known whether it was sent, and behind DEALLOCATE or
// DISCARD what was prepared before may be gone.
const ALONE = /\bcopy\b|^\s*commit\b|(?:^|;)\s*(?:deallocate|discard)\b/i

// Also one inside a literal. Drizzle ends some statements with one.
const SEPARATOR = /;(?!\s*$)/

const SELECT = /^\s*select\b/i

// What has rows and, in a transaction that is READ ONLY, can do nothing but read.
const ROWS = /^\s*(?:select|with|values|table|show|explain)\b/i

// Rows that are locked, for which it waits.
const LOCKS = /\bfor\s+(?:no\s+key\s+update|update|share|key\s+share)\b/i

// SELECT INTO makes a table.
const WRITES = /\binto\b/i

// A CALL or DO may commit, and behind a comment may stand any of them.
const ENDS_TRANSACTION =
  /^\s*(?:--|\/\*|(?:abort|begin|call|commit|do|end|rollback|start)\b|prepare\s+transaction\b)/i

const SAVEPOINT = /^\s*(?:savepoint|release|rollback\s+to)\b/i

// Looks at each letter once: a text may be a large literal.
const LAST_WORD = /(?<![\w$".\u0080-\uffff])[\w$".\u0080-\uffff]*$/

// Words in front of a parenthesis that call nothing, and functions of Postgres that change nothing.
const HARMLESS = new Set(
  (
    'all and any array as asc between by case cast check coalesce desc distinct else end except exists extract ' +
    'filter from group grouping having in intersect is join lateral like ilike limit not nullif of offset on or ' +
    'order over partition row select similar some then union using values when where with within ' +
    'abs age array_agg array_length avg bool_and bool_or btrim cardinality ceil char_length char concat concat_ws ' +
    'count cume_dist current_setting date_bin date_part date_trunc decimal dense_rank every first_value floor ' +
    'format greatest initcap interval json_agg json_array_length json_build_array json_build_object ' +
    'json_object_agg jsonb_agg jsonb_array_length jsonb_build_array jsonb_build_object jsonb_object_agg ' +
    'jsonb_set lag last_value lead least left length lower lpad ltrim make_date max md5 min mod now numeric ' +
    'octet_length percent_rank pg_backend_pid position power random rank regexp_match regexp_replace replace ' +
    'reverse right round row_number row_to_json rpad rtrim sign split_part sqrt string_agg string_to_array strpos ' +
    'substr substring sum time timestamp timestamptz to_char to_date to_json to_jsonb to_number to_timestamp ' +
    'to_tsquery to_tsvector trim trunc ts_rank unnest upper varchar websearch_to_tsquery'
  ).split(' ')
)

/** False: it has to be the only one on its way. */
export const mayPipeline = cachedByText(text => !ALONE.test(text))

/** What may begin or end a transaction: the next statement would run outside of this one, as whoever has logged in. */
export function mayEndTransaction(text: string): boolean {
  return ENDS_TRANSACTION.test(text)
}

/** A single statement, which the extended protocol takes. */
export const isSingle = cachedByText(text => !SEPARATOR.test(text))

/** A single statement that, where nothing may be written, has no effect at all. */
export function hasRowsOnly(text: string): boolean {
  return ROWS.test(text) && isSingle(text) && mayPipeline(text)
}

/** A SELECT that locks nothing, makes nothing and calls nothing that is not known, so that it is the same when nothing may be written. */
export const isQuery = cachedByText(text => {
  const mayDoMore = LOCKS.test(text) || WRITES.test(text)
  return SELECT.test(text) && hasRowsOnly(text) && !mayDoMore && calls(text).every(isHarmless)
})

/** Of a transaction that is READ ONLY: that it is stored makes no difference, and it may be run again. NOTIFY is allowed there. */
export function hasNoEffect(text: string): boolean {
  return isQuery(text) || (SAVEPOINT.test(text) && isSingle(text))
}

/** What stands in front of each parenthesis. */
function calls(text: string): string[] {
  return text.split('(').slice(0, -1)
}

/** A name with quotes, with a schema or behind a comment may be that of any function. */
function isHarmless(before: string): boolean {
  const text = before.trimEnd()
  if (text.includes('--') || text.endsWith('*/')) return false
  const start = text.search(LAST_WORD)
  const name = text.slice(start).toLowerCase()
  return name === '' || (HARMLESS.has(name) && !text.slice(0, start).trimEnd().endsWith('.'))
}
