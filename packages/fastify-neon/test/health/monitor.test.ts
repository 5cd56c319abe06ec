import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openMonitor } from './monitors.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60_000

t.test('while all is well', async t => {
  t.test('thousands of looks in a day ask nothing, and the database goes idle by itself', async t => {
    const { monitor, clock, asked, answer, path } = openMonitor(t)
    answer()

    for (let second = 0; second < 24 * 3600; second += 10) {
      monitor.check()
      await clock.jump(10 * SECOND_MS)
    }

    t.strictSame(asked, [])
    t.equal(clock.timers, 0, 'no timer is set')
    t.strictSame(path('database'), ['up', 'idle'])
    t.match(monitor.check(), {
      readiness: 'ok',
      database: { state: 'idle', lastSuccessAgeMs: 24 * 3600 * SECOND_MS, source: 'traffic' }
    })
  })

  t.test('answers to statements are seen without an event, at the next look', async t => {
    const { monitor, clock, answer } = openMonitor(t)
    monitor.report({ type: 'answered' })
    await clock.pass(2 * MINUTE_MS)
    t.equal(monitor.check().database.state, 'idle')

    answer()

    t.match(monitor.check().database, { state: 'up', lastSuccessAgeMs: 0 })
  })

  t.test('connections that the other end closes make the database idle, not suspect', async t => {
    const { monitor, answer } = openMonitor(t)
    answer()
    monitor.check()

    monitor.report({ type: 'closed' })

    t.match(monitor.check(), { readiness: 'ok', database: { state: 'idle', source: 'traffic' } })
  })
})

t.test('before the first answer', async t => {
  t.test('the process is starting, for ever if need be, and asks nothing: the pool connects', async t => {
    const { monitor, clock, fail, asked } = openMonitor(t)

    for (let minute = 0; minute < 60; minute += 1) {
      fail()
      await clock.pass(MINUTE_MS)
    }

    t.match(monitor.check(), {
      readiness: 'unavailable',
      process: 'starting',
      hasStarted: false,
      database: { state: 'unknown', reason: 'unreachable', source: 'none' }
    })
    t.strictSame(asked, [])
  })

  t.test('the first one opens the gate, for good', async t => {
    const { monitor, fail, path, clock, database } = openMonitor(t)
    database.answer = 'unreachable'
    monitor.report({ type: 'answered' })

    for (const atMs of [1, 4000, 8000]) {
      await clock.pass(atMs)
      fail()
    }

    t.match(monitor.check(), { hasStarted: true, process: 'ready', database: { state: 'down' } })
    t.strictSame(path('process'), ['ready'])
  })

  t.test('a critical check holds the gate too, and one that is not does not', async t => {
    const { monitor, answer } = openMonitor(t)
    const check = { timeoutMs: 1000, ttlMs: 0, wakes: false }
    let isWarm = false
    const warmUp = async () => {
      if (!isWarm) throw new Error('cold')
    }
    monitor.addCheck({ ...check, name: 'warm', critical: true, check: warmUp })
    monitor.addCheck({
      ...check,
      name: 'side',
      critical: false,
      check: () => Promise.reject(new Error('no'))
    })
    answer()
    monitor.check()
    await nextTurn()
    t.match(monitor.check(), { hasStarted: false, readiness: 'unavailable' })
    await nextTurn()

    isWarm = true
    monitor.check()
    await nextTurn()

    t.match(monitor.check(), {
      hasStarted: true,
      readiness: 'degraded',
      checks: { warm: { state: 'ok' }, side: { state: 'failed', critical: false } }
    })
    t.equal(monitor.check(new Set(['side'])).readiness, 'ok')
    t.ok(monitor.has('warm'))
  })
})

t.test('a check that wakes the database', async t => {
  t.test('does not run while it is idle', async t => {
    const { monitor, clock, answer } = openMonitor(t)
    let runs = 0
    const check = async () => {
      runs += 1
    }
    monitor.addCheck({ name: 'deep', check, critical: false, timeoutMs: 1000, ttlMs: 1000, wakes: true })
    answer()
    monitor.check()
    await clock.pass(2 * SECOND_MS)
    monitor.check()
    await nextTurn()
    t.equal(runs, 2)

    await clock.pass(2 * MINUTE_MS)
    for (let probe = 0; probe < 10; probe += 1) {
      monitor.check()
      await clock.pass(10 * SECOND_MS)
    }

    t.ok(runs <= 3, 'the look that finds the database idle is the last one that runs it')
  })
})

t.test('in an outage', async t => {
  t.test('asks by itself until the database is back, and recovers without traffic', async t => {
    const { monitor, clock, fail, asked, database, path, answer } = openMonitor(t)
    answer()
    monitor.check()
    await clock.pass(10 * SECOND_MS)
    database.answer = 'unreachable'

    fail()
    t.match(monitor.check(), { readiness: 'degraded', database: { state: 'suspect', reason: 'unreachable' } })
    await clock.pass(20 * SECOND_MS)
    t.match(monitor.check(), { readiness: 'degraded', database: { state: 'down' } })
    database.answer = undefined
    await clock.pass(30 * SECOND_MS)

    t.match(monitor.check(), { readiness: 'ok', database: { state: 'up', source: 'probe' } })
    t.strictSame(path('database'), ['up', 'suspect', 'down', 'up'])
    t.strictSame(
      asked.map(atMs => Math.round(atMs / SECOND_MS)),
      [11, 13, 17, 25, 41],
      'after 1, 2, 4, 8 and 16 seconds'
    )
    t.strictSame(monitor.probes, { answered: 1, failed: 4 })
    t.equal(clock.timers, 0, 'and then no more')
  })

  t.test('is over at the first answer to anybody, and asks no more', async t => {
    const { monitor, clock, fail, asked, answer, listening, path } = openMonitor(t)
    answer()
    monitor.check()
    await clock.pass(1)
    fail()
    t.equal(listening(), 1)

    await clock.pass(500)
    answer()

    t.strictSame(path('database'), ['up', 'suspect', 'up'])
    t.equal(listening(), 0)
    t.equal(clock.timers, 0)
    await clock.pass(MINUTE_MS)
    t.strictSame(asked, [])
  })

  t.test('that lasts days costs a question in five minutes when nobody calls', async t => {
    const { monitor, clock, fail, asked, database, answer } = openMonitor(t)
    answer()
    monitor.check()
    await clock.pass(1)
    database.answer = 'unreachable'
    fail()
    await clock.pass(10 * MINUTE_MS)
    const before = asked.length

    await clock.pass(60 * MINUTE_MS)

    t.equal(asked.length - before, 12)
    monitor.report({ type: 'wanted' })
    await clock.pass(5 * MINUTE_MS + 2 * MINUTE_MS)
    t.ok(asked.length - before > 14, 'and more often again when somebody does')
  })

  t.test('of a login that is refused costs a question in half a minute', async t => {
    const { monitor, clock, fail, asked, database, answer } = openMonitor(t)
    answer()
    monitor.check()
    await clock.pass(1)
    database.answer = 'refused'
    fail('refused')

    await clock.pass(2 * MINUTE_MS)

    t.strictSame(
      asked.map(atMs => Math.round(atMs / SECOND_MS)),
      [1, 31, 61, 91]
    )
    t.equal(monitor.check().database.reason, 'refused')
  })

  t.test('makes the process not ready where that is wished', async t => {
    const { monitor, clock, fail, answer, database } = openMonitor(t, { policy: 'fail-closed' })
    database.answer = 'unreachable'
    answer()
    monitor.check()
    for (const pauseMs of [1, 3000, 3000]) {
      await clock.pass(pauseMs)
      fail()
    }

    t.match(monitor.check(), { readiness: 'unavailable', process: 'ready', database: { state: 'down' } })
    t.equal(monitor.check(new Set(['database'])).readiness, 'ok')
  })

  t.test(
    'an answer that the application got while a question was under way counts more than no answer',
    async t => {
      let settle = (_reason?: 'unreachable') => {}
      const { monitor, clock, fail, answer } = openMonitor(t, {
        probe: () =>
          new Promise(resolve => {
            settle = resolve
          })
      })
      answer()
      monitor.check()
      await clock.pass(1)
      fail()
      await clock.pass(SECOND_MS)

      await clock.pass(100)
      answer()
      settle('unreachable')
      await nextTurn()

      t.equal(monitor.check().database.state, 'up')
    }
  )

  t.test('an answer from before a failure does not undo it', async t => {
    const { monitor, clock, fail, answer } = openMonitor(t)
    answer()
    await clock.pass(100)
    monitor.report({ type: 'answered' })
    await clock.pass(100)
    fail()

    t.equal(monitor.check().database.state, 'suspect')
  })
})

t.test('a pool from which no client comes back', async t => {
  t.test('makes the process not ready, and is suspect when it moves again', async t => {
    const { monitor, clock, pool, answer, path } = openMonitor(t)
    answer()
    monitor.check()
    Object.assign(pool, { checkedOut: 10, idle: 0, total: 10, waiting: 3, blockedForMs: 29_999 })
    t.match(monitor.check(), { readiness: 'degraded', pool: { flow: 'saturated' } })

    pool.blockedForMs = 30_000
    t.match(monitor.check(), { readiness: 'unavailable', database: { state: 'wedged' } })
    t.equal(monitor.wedgedForMs, 0)
    await clock.pass(MINUTE_MS)
    t.equal(monitor.wedgedForMs, MINUTE_MS)
    Object.assign(pool, { checkedOut: 0, waiting: 0, blockedForMs: 0 })

    t.equal(monitor.check().database.state, 'suspect')
    t.equal(monitor.wedgedForMs, 0)
    await clock.pass(SECOND_MS)
    t.strictSame(path('database'), ['up', 'wedged', 'suspect', 'up'])
  })

  t.test('can be left out of a look', async t => {
    const { monitor, pool, answer } = openMonitor(t)
    answer()
    Object.assign(pool, { checkedOut: 10, blockedForMs: 5000 })

    t.equal(monitor.check(new Set(['pool'])).readiness, 'ok')
  })
})

t.test('the application', async t => {
  t.test('switches readiness off and on, with its reason', async t => {
    const { monitor, answer, transitions } = openMonitor(t)
    answer()
    monitor.check()

    monitor.maintain(true, 'index is rebuilt')
    t.match(monitor.check(), { readiness: 'unavailable', process: 'maintenance', hasStarted: true })
    monitor.maintain(false)

    t.equal(monitor.check().readiness, 'ok')
    t.match(transitions.slice(-2), [
      { subject: 'process', from: 'ready', to: 'maintenance', reason: 'index is rebuilt' },
      { subject: 'process', from: 'maintenance', to: 'ready' }
    ])
  })

  t.test('drains for good', async t => {
    const { monitor, answer } = openMonitor(t)
    answer()
    monitor.check()
    t.notOk(monitor.isDraining)

    monitor.drain()
    monitor.maintain(true)
    monitor.maintain(false)

    t.ok(monitor.isDraining)
    t.match(monitor.check(), { readiness: 'unavailable', process: 'draining' })
  })
})

t.test('a question by order', async t => {
  t.test('tells what the database answered', async t => {
    const { monitor, database, clock } = openMonitor(t)

    await monitor.probe()
    t.match(monitor.check().database, { state: 'up', source: 'probe' })
    await clock.pass(SECOND_MS)
    database.answer = 'waking'
    await monitor.probe()

    t.match(monitor.check().database, { state: 'suspect', reason: 'waking' })
  })
})

t.test('by interval', async t => {
  t.test('asks in its rhythm once the database was reached', async t => {
    const { monitor, clock, asked } = openMonitor(t, { mode: 'interval' })
    await clock.pass(5 * MINUTE_MS)
    t.strictSame(asked, [])

    monitor.report({ type: 'answered' })
    await clock.pass(2 * MINUTE_MS)

    t.equal(asked.length, 4)
    t.equal(monitor.check().database.state, 'up')
  })
})

t.test('off', async t => {
  t.test('is ready at once, and neither asks nor judges the database', async t => {
    const { monitor, clock, fail, asked, answer, transitions } = openMonitor(t, { mode: 'off' })
    answer()
    fail()
    await monitor.probe()
    await clock.pass(MINUTE_MS)

    t.match(monitor.check(), { readiness: 'ok', database: { state: 'unknown' } })
    t.strictSame(asked, [])
    t.match(transitions, [{ subject: 'process', to: 'ready' }])
  })
})

t.test('after its end', async t => {
  t.test('leaves no timer and no listener', async t => {
    const { monitor, clock, fail, answer, listening } = openMonitor(t)
    answer()
    monitor.check()
    await clock.pass(1)
    fail()

    monitor.close()

    t.equal(clock.timers, 0)
    t.equal(listening(), 0)
  })
})

t.test('several databases', async t => {
  /** A second one, whose answers the test gives. */
  function openBoth(t: Test, { critical = true } = {}) {
    const first = openMonitor(t)
    const asked: number[] = []
    const analytics = first.monitor.addDatabase({
      ...first.source,
      name: 'analytics',
      critical,
      probe: async () => {
        asked.push(first.clock.now())
        return 'unreachable'
      },
      responseAgeMs: () => undefined
    })
    return { ...first, analytics, askedAnalytics: asked }
  }

  t.test('are all waited for at the start', async t => {
    const { monitor, analytics, answer } = openBoth(t)
    answer()
    t.match(monitor.check(), { process: 'starting', waitingFor: ['database-unreached'] })

    analytics.report({ type: 'answered' })

    t.match(monitor.check(), {
      readiness: 'ok',
      process: 'ready',
      databases: {
        db: { critical: true, database: { state: 'up' } },
        analytics: { critical: true, database: { state: 'up' }, pool: { flow: 'free' } }
      }
    })
  })

  t.test('are not waited for when they are not critical, and make the process degraded', async t => {
    const { monitor, analytics, answer } = openBoth(t, { critical: false })
    answer()
    t.match(monitor.check(), { readiness: 'degraded', process: 'ready' })

    analytics.report({ type: 'answered' })

    t.equal(monitor.check().readiness, 'ok')
  })

  t.test('are judged and told of apart, and only the one in doubt is asked', async t => {
    const { monitor, clock, analytics, answer, asked, askedAnalytics, transitions } = openBoth(t)
    answer()
    monitor.check()
    analytics.report({ type: 'answered' })

    for (const atMs of [0, 3000, 3000]) {
      await clock.pass(atMs)
      analytics.report({ type: 'failed', reason: 'unreachable' })
    }

    t.match(monitor.check(), {
      readiness: 'degraded',
      database: { state: 'up' },
      databases: { db: { database: { state: 'up' } }, analytics: { database: { state: 'down' } } }
    })
    t.match(
      transitions.filter(({ subject, to }) => subject === 'database' && to !== 'up'),
      [
        { name: 'analytics', to: 'suspect', reason: 'unreachable' },
        { name: 'analytics', to: 'down', reason: 'unreachable' }
      ]
    )
    t.strictSame(asked, [])
    t.not(askedAnalytics.length, 0)
    t.strictSame(monitor.probes, { answered: 0, failed: askedAnalytics.length })
  })

  t.test('are left out by name', async t => {
    const { monitor, clock, analytics, answer, fail } = openBoth(t)
    answer()
    monitor.check()
    analytics.report({ type: 'answered' })
    await clock.pass(1)
    analytics.report({ type: 'failed', reason: 'unreachable' })
    const readiness = (...names: string[]) => monitor.check(new Set(names)).readiness

    t.equal(readiness(), 'degraded')
    t.equal(readiness('analytics'), 'ok')
    fail()
    t.equal(readiness('analytics'), 'degraded')
    t.equal(readiness('analytics', 'database'), 'ok')
    t.equal(readiness('analytics', 'db'), 'ok')
  })

  t.test('are all asked on demand, and all let go at the end', async t => {
    const { monitor, analytics, clock, answer, asked, askedAnalytics, listening } = openBoth(t)
    answer()
    analytics.report({ type: 'answered' })
    await clock.pass(1)

    await monitor.probe()

    t.equal(asked.length, 1)
    t.equal(askedAnalytics.length, 1)
    t.equal(listening(), 1)
    monitor.close()
    t.equal(clock.timers, 0)
    t.equal(listening(), 0)
  })

  for (const critical of [true, false]) {
    t.test(`have the process restarted by a pool that stands still when critical is ${critical}`, async t => {
      const first = openMonitor(t)
      const { monitor, clock, pool, source } = first
      const stuck = { ...pool, checkedOut: 10, blockedForMs: 40_000 }
      const other = monitor.addDatabase({ ...source, name: 'analytics', critical, readPool: () => stuck })
      first.answer()
      other.report({ type: 'answered' })
      monitor.check()

      await clock.pass(1000)

      t.equal(other.wedgedForMs, 1000)
      t.equal(monitor.wedgedForMs, critical ? 1000 : 0)
    })
  }

  t.test('let a check of their own sleep when they are idle', async t => {
    const { monitor, clock, analytics, answer } = openBoth(t)
    let runs = 0
    const check = async () => {
      runs += 1
    }
    const facts = { critical: false, timeoutMs: 1000, ttlMs: 0, check }
    monitor.addCheck({ ...facts, name: 'reports', wakes: 'analytics' })
    answer()
    analytics.report({ type: 'answered' })
    monitor.check()
    await nextTurn()
    analytics.report({ type: 'closed' })

    await clock.pass(1)
    monitor.check()
    await nextTurn()

    t.equal(runs, 1)
    t.equal(monitor.check().databases.analytics?.database.state, 'idle')
    analytics.report({ type: 'answered' })
    monitor.check()
    await nextTurn()
    t.equal(runs, 2)
  })
})
