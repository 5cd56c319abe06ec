/**
 * The monitor under whatever may happen, in any order: what must hold, holds after every step.
 */
import fc from 'fast-check'
import t from 'tap'
import { FAILURE_REASONS, type FailureReason } from '../../src/health/database.ts'
import { MODES } from '../../src/health/database-monitor.ts'
import { DOWN_POLICIES, type Snapshot } from '../../src/health/snapshot.ts'
import { openMonitor } from './monitors.ts'

type Real = ReturnType<typeof openMonitor>

/** What is known without the monitor. */
interface Model {
  mode: (typeof MODES)[number]
  policy: (typeof DOWN_POLICIES)[number]
  wasReached: boolean
  isDraining: boolean
  isInMaintenance: boolean
  hasStarted: boolean
  lastAskedAtMs: number
  asked: number
}

class Step implements fc.AsyncCommand<Model, Real> {
  readonly #title: string
  readonly #act: (model: Model, real: Real) => unknown

  constructor(title: string, act: (model: Model, real: Real) => unknown) {
    this.#title = title
    this.#act = act
  }

  check() {
    return true
  }

  async run(model: Model, real: Real) {
    await this.#act(model, real)
    const snapshot = real.monitor.check()
    model.wasReached ||= real.path('database').includes('up')
    hold(model, real, snapshot)
  }

  toString() {
    return this.#title
  }
}

function hold(model: Model, { monitor, asked, clock, transitions, listening }: Real, snapshot: Snapshot) {
  const { readiness, process, database } = snapshot
  const isReached = model.mode === 'off' || model.wasReached
  must(readiness === 'unavailable' || isReached, 'is ready only when the database was reached')
  must(readiness === 'unavailable' || process === 'ready', 'is ready only when the process is')
  must(snapshot.hasStarted === isReached, 'has started when the database was reached')
  must(!model.hasStarted || snapshot.hasStarted, 'never starts twice')
  must((process === 'draining') === model.isDraining, 'drains for good')
  must(process !== 'ready' || !model.isInMaintenance, 'is not ready in maintenance')
  must(
    (database.state === 'unknown') === (model.mode === 'off' || !model.wasReached),
    'is unknown until reached'
  )
  must(database.state !== 'idle' || (database.lastSuccessAgeMs ?? -1) >= 0, 'is idle after an answer alone')
  const isOpen = model.policy === 'fail-open' && process === 'ready' && database.state === 'down'
  must(!isOpen || readiness === 'degraded', 'fails open')
  must(JSON.stringify(monitor.check()) === JSON.stringify(snapshot), 'a second look tells the same')

  const isInDoubt = database.state === 'suspect' || database.state === 'down'
  must(listening() === (isInDoubt ? 1 : 0), 'listens while in doubt')
  const isTimed = isInDoubt || (model.mode === 'interval' && model.wasReached)
  must(clock.timers === (isTimed ? 1 : 0), 'has a timer while in doubt, or by interval')
  asked.slice(model.asked).forEach(atMs => {
    must(atMs - model.lastAskedAtMs >= 1000, 'asks once a second at most')
    model.lastAskedAtMs = atMs
  })
  model.asked = asked.length
  for (const { from, to } of transitions) must(from !== to, 'tells of changes alone')
  model.hasStarted = snapshot.hasStarted
}

function must(isTrue: boolean, what: string) {
  if (!isTrue) throw new Error(`it does not hold that it ${what}`)
}

const reasons = fc.constantFrom<(FailureReason | undefined)[]>(undefined, ...FAILURE_REASONS)

const STEPS = [
  fc
    .integer({ min: 1, max: 400_000 })
    .map(ms => new Step(`pass ${ms}`, (_model, { clock }) => clock.pass(ms))),
  fc
    .constantFrom(...FAILURE_REASONS)
    .map(
      reason =>
        new Step(`fail ${reason}`, (_model, { monitor }) => monitor.report({ type: 'failed', reason }))
    ),
  fc.constant(new Step('connect', (_model, { monitor }) => monitor.report({ type: 'answered' }))),
  fc.constant(new Step('answer', (_model, { answer }) => answer())),
  fc.constant(new Step('close', (_model, { monitor }) => monitor.report({ type: 'closed' }))),
  fc.constant(new Step('want', (_model, { monitor }) => monitor.report({ type: 'wanted' }))),
  fc.constant(new Step('probe', (_model, { monitor }) => monitor.probe())),
  reasons.map(
    reason =>
      new Step(`the database says ${reason}`, (_model, { database }) => {
        database.answer = reason
      })
  ),
  fc.constantFrom(0, 5000, 40_000).map(
    blockedForMs =>
      new Step(`blocked ${blockedForMs}`, (_model, { pool }) => {
        Object.assign(pool, { blockedForMs, checkedOut: blockedForMs > 0 ? 10 : 0 })
      })
  ),
  fc.boolean().map(
    isOn =>
      new Step(`maintenance ${isOn}`, (model, { monitor }) => {
        model.isInMaintenance = isOn
        monitor.maintain(isOn)
      })
  ),
  fc.constant(
    new Step('drain', (model, { monitor }) => {
      model.isDraining = true
      monitor.drain()
    })
  )
]

t.test('whatever happens, in any order, the promises hold', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...MODES),
      fc.constantFrom(...DOWN_POLICIES),
      fc.commands(STEPS, { maxCommands: 40 }),
      async (mode, policy, commands) => {
        const real = openMonitor(t, { mode, policy })
        const model: Model = {
          mode,
          policy,
          wasReached: false,
          isDraining: false,
          isInMaintenance: false,
          hasStarted: false,
          lastAskedAtMs: Number.NEGATIVE_INFINITY,
          asked: 0
        }
        await fc.asyncModelRun(() => ({ model, real }), commands)
        real.monitor.close()
        must(real.clock.timers === 0 && real.listening() === 0, 'leaves nothing behind')
      }
    ),
    { numRuns: 300 }
  )
  t.pass()
})
