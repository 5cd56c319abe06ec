/**
 * The bodies of the health routes. docs/reference/health-api.md shows them; a test compares the two.
 */
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { DATABASE_STATES, FAILURE_REASONS } from '../../health/database.ts'
import { POOL_FLOWS } from '../../health/flow.ts'
import { MIGRATION_STATES } from '../../health/migrations.ts'
import { PROCESS_STATES } from '../../health/process.ts'
import { CHECK_STATES } from '../../health/snapshot.ts'
import { STARTUP_CONDITIONS } from '../../health/startup.ts'

const oneOf = <const V extends readonly string[]>(values: V) =>
  Type.Unsafe<V[number]>(Type.Union(values.map(value => Type.Literal(value))))

const closed = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false })

const Count = Type.Integer({ minimum: 0 })

const Database = closed({
  state: oneOf(DATABASE_STATES),
  reason: Type.Optional(oneOf(FAILURE_REASONS)),
  lastSuccessAgeMs: Type.Optional(Count),
  source: oneOf(['traffic', 'probe', 'none'])
})

const Pool = closed({
  flow: oneOf(POOL_FLOWS),
  max: Count,
  total: Count,
  idle: Count,
  checkedOut: Count,
  waiting: Count
})

/** For those who are authorised and ask for it. */
export const Detail = closed({
  process: oneOf(PROCESS_STATES),
  uptimeMs: Count,
  waitingFor: Type.Optional(Type.Array(oneOf(STARTUP_CONDITIONS))),
  migrations: closed({ state: oneOf(MIGRATION_STATES), pending: Count }),
  database: Database,
  pool: Pool,
  /** All by name, where there are several. */
  databases: Type.Optional(
    Type.Record(Type.String(), closed({ critical: Type.Boolean(), database: Database, pool: Pool }))
  ),
  checks: Type.Record(Type.String(), closed({ state: oneOf(CHECK_STATES), critical: Type.Boolean() })),
  /** Names of `?exclude=` that were left out, and those that no check has. */
  excluded: Type.Array(Type.String()),
  unknown: Type.Array(Type.String())
})

export type Detail = Static<typeof Detail>

const statusBody = (...status: string[]) => closed({ status: oneOf(status), detail: Type.Optional(Detail) })

/** By route and status. */
export const HEALTH_RESPONSES = {
  live: { 200: statusBody('ok'), 503: statusBody('unavailable') },
  ready: { 200: statusBody('ok', 'degraded'), 503: statusBody('unavailable') },
  startup: { 200: statusBody('ok'), 503: statusBody('unavailable') }
} as const
