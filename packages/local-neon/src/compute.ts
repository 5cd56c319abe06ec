/**
 * Owns the compute: a Postgres that sleeps when nothing has happened for a while and wakes for
 * the next login, once for all who wait.
 */

import type { Clock } from './clock.ts'
import { within } from './deadline.ts'
import type { LocalNeonEvent } from './events.ts'
import { ignore } from './failure.ts'
import type { Meter } from './meter.ts'
import type { Postgres } from './postgres/postgres.ts'
import { createSuperuser, type Superuser } from './postgres/superuser.ts'
import type { ProcessExit } from './postgres/supervisor.ts'

export type ComputeState = 'asleep' | 'waking' | 'awake' | 'suspending' | 'closed'

export interface ComputeOptions {
  /** Starts Postgres on the data folder; the compute is its only caller. */
  start: () => Promise<Postgres>
  /** Time without activity after which the compute stops, in ms; 0 = never. */
  suspendAfterMs: number
  /** What a wake takes at least, in ms, asked for at each; the real start is in it. */
  wakeDelayMs: () => number
  /** Called while Postgres still runs, before it is told to stop, which waits for it, but not for long. */
  onSuspending: (superuser: Superuser) => Promise<void>
  onEvent: (event: LocalNeonEvent) => void
  /** Called with each state that the compute enters. */
  onState: (state: ComputeState) => void
  meter: Meter
  clock: Clock
}

export interface Compute {
  readonly state: ComputeState
  /** Time until the compute sleeps if nothing happens, in ms; undefined when it is not awake or never sleeps by itself. */
  readonly sleepsInMs: number | undefined
  /** The Postgres that runs, if one does. */
  readonly running: Running | undefined
  /** Resolves with the running Postgres, which it starts when there is none. Counts as activity. */
  wake(): Promise<Running>
  /** Stops Postgres; resolves when it is gone. Does nothing when it is asleep. */
  suspend(reason?: SuspendReason): Promise<void>
  /** Activity that keeps the compute awake: a new session, or a statement. */
  touch(): void
  /** Resolves when Postgres ends without being asked to. */
  exited: Promise<ProcessExit>
  /** Stops Postgres for good. */
  close(): Promise<void>
}

export type SuspendReason = 'idle' | 'asked'

export interface Running {
  postgres: Postgres
  superuser: Superuser
}

// What compute_ctl looks at besides the statistics (compute_tools/src/monitor.rs): anything that is
// not idle, a backend without a client included, replication, and autovacuum.
const BUSY_SQL = `
  SELECT 1 FROM pg_stat_activity
  WHERE pid <> pg_backend_pid()
    AND (backend_type IN ('walsender', 'autovacuum worker', 'logical replication worker')
      OR (backend_type = 'client backend' AND state <> 'idle'))
  LIMIT 1`

/** Of this machine, whatever the clock is: a Postgres that hangs is to be stopped all the same. */
const SUSPENDING_DEADLINE_MS = 1_000

export function createCompute(options: ComputeOptions): Compute {
  const { start, suspendAfterMs, wakeDelayMs, onSuspending, onEvent, onState, meter, clock } = options
  let state: ComputeState = 'asleep'
  let running: Running | undefined
  let waking: Promise<Running> | undefined
  let stopping: Promise<void> | undefined
  let hasStarted = false
  let lastActivityMs = clock.now()
  let watch = new AbortController()
  const closing = new AbortController()
  /** Those that are to end. */
  const asked = new WeakSet<Postgres>()
  let reportExit: (exit: ProcessExit) => void = ignore
  const exited = new Promise<ProcessExit>(resolve => {
    reportExit = resolve
  })

  return {
    get state() {
      return state
    },
    get sleepsInMs() {
      if (state !== 'awake' || suspendAfterMs === 0) return undefined
      return Math.max(0, suspendAfterMs - (clock.now() - lastActivityMs))
    },
    get running() {
      return running
    },
    wake,
    suspend,
    touch,
    exited,
    close
  }

  function enter(next: ComputeState): void {
    state = next
    onState(next)
  }

  function touch(): void {
    lastActivityMs = clock.now()
  }

  async function wake(): Promise<Running> {
    // Before anybody can find the compute idle on its way to the one who wakes it.
    touch()
    if (running && state === 'awake' && !stopping) return running
    waking ??= wakeUp().finally(() => {
      waking = undefined
    })
    return await waking
  }

  async function wakeUp(): Promise<Running> {
    // Who comes while the compute goes to sleep wakes it when it has.
    await stopping
    if (state === 'closed') throw new Error('the local Neon is closed')
    const isFirst = !hasStarted
    const begunMs = clock.now()
    enter('waking')
    meter.onAwake()
    try {
      running = await startRunning(isFirst ? 0 : wakeDelayMs())
    } catch (error) {
      enter('asleep')
      meter.onAsleep()
      onEvent({ type: 'wake-failed', message: String(error) })
      throw error
    }
    hasStarted = true
    touch()
    enter('awake')
    if (!isFirst) {
      meter.onWake()
      onEvent({ type: 'wake', tookMs: clock.now() - begunMs })
    }
    if (suspendAfterMs > 0) watchForIdleness()
    return running
  }

  async function startRunning(delayMs: number): Promise<Running> {
    // Cut short by a close, which waits for the wake.
    const delay = delayMs > 0 ? clock.sleep(delayMs, closing.signal).catch(ignore) : undefined
    const [postgres] = await Promise.all([start(), delay])
    postgres.exited.then(exit => {
      if (!asked.has(postgres)) reportExit(exit)
    }, ignore)
    return { postgres, superuser: createSuperuser(postgres.socketPath) }
  }

  function suspend(reason: SuspendReason = 'asked'): Promise<void> {
    stopping ??= stopRunning(reason).finally(() => {
      stopping = undefined
    })
    return stopping
  }

  async function stopRunning(reason: SuspendReason): Promise<void> {
    await waking?.catch(ignore)
    if (!running) return
    const { postgres, superuser } = running
    watch.abort()
    asked.add(postgres)
    if (state === 'awake') enter('suspending')
    await within(SUSPENDING_DEADLINE_MS, onSuspending(superuser)).catch(ignore)
    superuser.end()
    await postgres.stop()
    running = undefined
    meter.onAsleep()
    if (state === 'closed') return
    enter('asleep')
    onEvent({ type: 'suspend', reason })
  }

  async function close(): Promise<void> {
    closing.abort()
    await stopping
    await waking?.catch(ignore)
    enter('closed')
    await suspend()
  }

  function watchForIdleness(): void {
    watch = new AbortController()
    suspendWhenIdle(watch.signal).catch(ignore)
  }

  /** Ends by the signal, or with the suspension. */
  async function suspendWhenIdle(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const seenMs = lastActivityMs
      const idleMs = clock.now() - seenMs
      if (idleMs < suspendAfterMs) await clock.sleep(suspendAfterMs - idleMs, signal)
      else if (await isBusy()) touch()
      // Somebody may have come while Postgres was asked.
      else if (lastActivityMs === seenMs) return await suspend('idle')
    }
  }

  /** A Postgres that cannot answer, such as one in recovery, is not idle. */
  async function isBusy(): Promise<boolean> {
    const rows = await running?.superuser.query(BUSY_SQL).catch(() => undefined)
    return rows === undefined || rows.length > 0
  }
}
