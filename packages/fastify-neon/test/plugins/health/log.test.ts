/**
 * What the log tells of a day on which the database misbehaves: a line per change, and no other.
 */

import type { FastifyBaseLogger } from 'fastify'
import t, { type Test } from 'tap'
import type { MonitorOptions } from '../../../src/health/monitor.ts'
import { logTransition } from '../../../src/plugins/health/log.ts'
import { openMonitor } from '../../health/monitors.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60_000

function open(t: Test, options: Partial<MonitorOptions> = {}) {
  const lines: string[] = []
  const write = (level: string) => (facts: Record<string, unknown>, text: string) =>
    lines.push([level, text, ...(facts.reason === undefined ? [] : [facts.reason])].join(': '))
  const log = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn')
  } as unknown as FastifyBaseLogger
  return {
    ...openMonitor(t, { ...options, onTransition: transition => logTransition(log, transition) }),
    lines
  }
}

t.test('a database', async t => {
  t.test('that never answers leaves no line, and the process starting', async t => {
    const { monitor, clock, fail, lines } = open(t)

    for (let second = 0; second < 600; second += 5) {
      fail()
      await clock.pass(5 * SECOND_MS)
    }

    t.match(monitor.check(), {
      readiness: 'unavailable',
      process: 'starting',
      database: { state: 'unknown' }
    })
    t.strictSame(lines, [], 'the db plugin tells why it cannot connect')
  })

  t.test('that answers after ten minutes makes the process ready then', async t => {
    const { monitor, clock, fail, lines } = open(t)
    for (let minute = 0; minute < 10; minute += 1) {
      fail()
      await clock.pass(MINUTE_MS)
    }

    monitor.report({ type: 'answered' })

    t.match(monitor.check(), { readiness: 'ok', process: 'ready', database: { state: 'up' } })
    t.strictSame(lines, ['info: database is up', 'info: process is ready'])
  })

  t.test('that flaps has a line for each turn, and keeps the process ready', async t => {
    const { monitor, clock, fail, lines, answer } = open(t)
    monitor.report({ type: 'answered' })
    const seen = new Set<string>()

    for (let turn = 0; turn < 3; turn += 1) {
      await clock.pass(500)
      fail()
      seen.add(monitor.check().readiness)
      await clock.pass(200)
      answer()
      seen.add(monitor.check().readiness)
    }

    t.strictSame([...seen], ['degraded', 'ok'])
    t.strictSame(lines.slice(2), [
      'warn: database is suspect: unreachable',
      'info: database is up',
      'warn: database is suspect: unreachable',
      'info: database is up',
      'warn: database is suspect: unreachable',
      'info: database is up'
    ])
  })

  t.test('that loses its password is down by its own word, and up when a person has fixed it', async t => {
    const { monitor, clock, fail, database, lines } = open(t)
    monitor.report({ type: 'answered' })
    await clock.pass(SECOND_MS)
    database.answer = 'refused'
    fail('refused')

    await clock.pass(10 * MINUTE_MS)
    t.match(monitor.check(), { readiness: 'degraded', database: { state: 'down', reason: 'refused' } })
    database.answer = undefined
    await clock.pass(5 * MINUTE_MS)

    t.match(monitor.check(), { readiness: 'ok', database: { source: 'probe' } })
    t.strictSame(lines.slice(2, 5), [
      'warn: database is suspect: refused',
      'warn: database is down: refused',
      'info: database is up'
    ])
  })

  t.test('that is used now and then leaves lines for debugging alone', async t => {
    const { monitor, clock, answer, lines } = open(t)
    monitor.report({ type: 'answered' })
    monitor.check()
    for (let hour = 0; hour < 2; hour += 1) {
      await clock.pass(60 * MINUTE_MS)
      monitor.check()
      answer()
      monitor.check()
    }

    t.strictSame(lines.slice(2), [
      'debug: database is idle',
      'debug: database is up',
      'debug: database is idle',
      'debug: database is up'
    ])
  })
})
