/**
 * One thing that goes wrong: while it does and afterwards, what must hold whatever goes wrong is asserted.
 */
import type { Test } from 'tap'
import type { PoolLimits } from '../../../packages/fastify-neon/src/pool/pool.ts'
import type { LocalNeon } from '../../../packages/local-neon/src/local-neon.ts'
import { until } from '../../support/app.ts'
import { createServiceDatabase, openService, type Service } from './service.ts'

export interface ScenarioOptions {
  neon: LocalNeon
  limits?: Partial<PoolLimits>
  /** As the service gets it; the database is made before. */
  databaseUrl?: (url: string) => string
  /** What goes wrong before the service starts; it then starts without a connection. */
  atBoot?: (url: string) => unknown
}

/** For what comes through in the end, on however slow a machine. */
export const PATIENT = { connectTimeoutMs: 10_000, checkoutTimeoutMs: 10_000 } as const

// A burst of lost links costs a few pauses between tries.
const RECOVERY_MS = 10_000

/**
 * A service on a database of its own. When the body is over everything is healed, and then: nobody
 * crashed, every answer came in time, liveness was always 200, no secret got out, a write succeeds soon
 * without a restart, the pool has everything back, every acknowledged write is there once, no failed one
 * is, those of unknown outcome are there once when they are repeated, and nobody saw what is another's.
 */
export function scenario(
  t: Test,
  name: string,
  { neon, limits, databaseUrl = url => url, atBoot }: ScenarioOptions,
  body: (t: Test, service: Service) => Promise<unknown>
) {
  return t.test(name, async t => {
    const url = await createServiceDatabase(neon)
    await atBoot?.(url)
    const service = await openService({ databaseUrl: databaseUrl(url), ...(limits && { limits }) })
    t.teardown(service.close)
    if (!atBoot)
      await until(() => service.app.health.state().process === 'ready' && service.stats().checkedOut === 0)

    await body(t, service)

    neon.clearFaults()
    t.ok((await service.recover()) < RECOVERY_MS, 'recovers soon, without a restart')
    await service.resolve()
    await Promise.all(['alice', 'bob'].map(service.read))
    t.equal(await service.settle(), 0, 'the pool has everything back')
    t.match(await service.verdict(), { lost: 0, phantom: 0, foreign: 0, doubts: [] })
    t.strictSame(service.broken, [])
  })
}
