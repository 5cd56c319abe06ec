import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type CheckChange, createChecks, type HealthCheck } from '../../src/health/checks.ts'
import { createManualClock } from '../support/manual-clock.ts'

function open(t: Test, check: Partial<HealthCheck> = {}) {
  const clock = createManualClock()
  const changes: CheckChange[] = []
  const idle = { isIdle: false }
  const checks = createChecks({
    clock,
    isIdle: () => idle.isIdle,
    onChange: change => changes.push(change)
  })
  t.teardown(() => checks.close())
  const runs: { signal: AbortSignal; resolve: () => void; reject: (error: Error) => void }[] = []
  checks.add({
    name: 'queue',
    critical: true,
    timeoutMs: 1000,
    ttlMs: 10_000,
    wakes: false,
    check: signal =>
      new Promise<void>((resolve, reject) => {
        runs.push({ signal, resolve, reject })
      }),
    ...check
  })
  const settle = async (act: () => void) => {
    act()
    await nextTurn()
  }
  return { clock, changes, checks, runs, idle, settle, state: () => checks.read().queue?.state }
}

t.test('a check', async t => {
  t.test('is pending until its first result, and runs once however many ask', async t => {
    const { checks, runs, settle, state, changes } = open(t)

    t.strictSame(checks.read(), { queue: { state: 'pending', critical: true } })
    await settle(() => {
      for (let probe = 0; probe < 50; probe += 1) checks.refresh()
    })
    t.equal(runs.length, 1)
    await settle(() => runs[0]?.resolve())

    t.equal(state(), 'ok')
    t.match(changes, [{ name: 'queue', from: 'pending', to: 'ok' }])
  })

  t.test('runs again when its result is too old, and tells of changes alone', async t => {
    const { checks, runs, settle, clock, changes, state } = open(t)
    await settle(() => checks.refresh())
    await settle(() => runs[0]?.resolve())

    await clock.pass(9999)
    await settle(() => checks.refresh())
    t.equal(runs.length, 1)
    await clock.pass(1)
    await settle(() => checks.refresh())
    t.equal(state(), 'ok', 'the last result counts meanwhile')
    await settle(() => runs[1]?.resolve())

    t.equal(runs.length, 2)
    t.equal(changes.length, 1)
  })

  t.test('fails by what it throws, at once or later', async t => {
    const error = new Error('no queue')
    const { checks, settle, changes } = open(t, {
      check() {
        throw error
      }
    })

    await settle(() => checks.refresh())

    t.match(changes, [{ to: 'failed', error }])
    const late = open(t)
    await late.settle(() => late.checks.refresh())
    await late.settle(() => late.runs[0]?.reject(error))
    t.match(late.changes, [{ to: 'failed', error }])
  })

  t.test(
    'that hangs is given up, is not started beside itself, and its late result changes nothing',
    async t => {
      const { checks, runs, settle, clock, changes, state } = open(t)
      await settle(() => checks.refresh())

      await clock.pass(1000)
      t.equal(state(), 'timeout')
      t.ok(runs[0]?.signal.aborted)
      await clock.pass(60_000)
      await settle(() => checks.refresh())
      t.equal(runs.length, 1)

      await settle(() => runs[0]?.resolve())
      t.equal(state(), 'timeout')
      await clock.pass(10_000)
      await settle(() => checks.refresh())
      await settle(() => runs[1]?.resolve())

      t.strictSame(
        changes.map(({ to }) => to),
        ['timeout', 'ok']
      )
      t.equal(clock.timers, 0)
    }
  )

  t.test('that wakes the database runs for its first result, and not while the database is idle', async t => {
    const { checks, runs, settle, clock, idle } = open(t, { wakes: true, ttlMs: 0 })
    idle.isIdle = true
    await settle(() => checks.refresh())
    await settle(() => runs[0]?.resolve())

    await clock.pass(60_000)
    await settle(() => checks.refresh())
    t.equal(runs.length, 1)
    idle.isIdle = false
    await settle(() => checks.refresh())

    t.equal(runs.length, 2)
  })

  t.test('is given up when the process ends, and is not started again', async t => {
    const { checks, runs, settle, changes, clock } = open(t)
    await settle(() => checks.refresh())

    checks.close()
    await settle(() => runs[0]?.resolve())
    await clock.pass(60_000)
    await settle(() => checks.refresh())

    t.ok(runs[0]?.signal.aborted)
    t.strictSame(changes, [])
    t.equal(runs.length, 1)
    t.equal(clock.timers, 0)
  })

  t.test('is known by its name', async t => {
    const { checks } = open(t)

    t.ok(checks.has('queue'))
    t.notOk(checks.has('cache'))
  })
})
