import t from 'tap'
import { createHistory, KEPT_MS, MAX_EVENTS, MAX_PERIODS } from '../../src/console/history.ts'

const never = new AbortController().signal

t.test('the history', async t => {
  t.test('has states and events with their times, in one order', async t => {
    let nowMs = 1000
    const history = createHistory(() => nowMs)

    history.onState('awake')
    nowMs = 2000
    history.onEvent({ type: 'suspend', reason: 'asked' })

    const [period] = history.periodsAfter(0)
    const [event] = history.eventsAfter(0)
    t.match(period, { state: 'awake', atMs: 1000 })
    t.match(event, { label: 'suspend', text: 'asked to', atMs: 2000 })
    t.ok(Number(event?.id) > Number(period?.id))
  })

  t.test('tells what is new, and only that', async t => {
    const history = createHistory()
    history.onState('awake')
    history.onEvent({ type: 'wake', tookMs: 1 })
    const seen = history.lastId

    history.onState('suspending')
    history.onEvent({ type: 'suspend', reason: 'idle' })

    t.match(history.periodsAfter(seen), [{ state: 'suspending' }])
    t.match(history.eventsAfter(seen), [{ label: 'suspend' }])
    t.strictSame(history.eventsAfter(history.lastId), [])
  })

  t.test('forgets what is an hour old, but not the state that reaches into it', async t => {
    let nowMs = 0
    const history = createHistory(() => nowMs)
    history.onState('waking')
    nowMs = 1
    history.onState('awake')
    nowMs = 2
    history.onState('asleep')

    nowMs = KEPT_MS + 1
    t.strictSame(
      history.periodsAfter(0).map(({ state }) => state),
      ['awake', 'asleep']
    )
    nowMs = 10 * KEPT_MS
    t.strictSame(
      history.periodsAfter(0).map(({ state }) => state),
      ['asleep']
    )
  })

  t.test('has room for so much and no more', async t => {
    const history = createHistory()

    for (let left = 10_000; left > 0; left -= 1) {
      history.onState('awake')
      history.onEvent({ type: 'wake', tookMs: left })
    }

    t.equal(history.periodsAfter(0).length, MAX_PERIODS)
    t.equal(history.eventsAfter(0).length, MAX_EVENTS)
    t.match(history.eventsAfter(0).at(-1), { text: 'after 1 ms' })
  })

  t.test('lets one wait for a change, of whatever kind', async t => {
    const history = createHistory()
    const changes = [
      () => history.touch(),
      () => history.onState('awake'),
      () => history.onEvent({ type: 'wake', tookMs: 1 })
    ]
    for (const change of changes) {
      const seen = history.lastId
      const changed = history.changedAfter(seen, never)

      change()

      await changed
      t.ok(history.lastId > seen)
    }
    await history.changedAfter(0, never)
    t.pass('nobody waits for what has been')
  })

  t.test('lets any number wait, until they give up', async t => {
    const history = createHistory()
    const patience = new AbortController()
    const waiting = Array.from({ length: 100 }, () => history.changedAfter(0, patience.signal))

    patience.abort()

    await Promise.all(waiting)
    t.equal(history.lastId, 0)
  })
})
