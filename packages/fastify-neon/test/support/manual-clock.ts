/**
 * A clock that stands still until it is turned.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../src/runtime/clock.ts'

export interface ManualClock extends Clock {
  /** Lets time pass, with every timer that is due in it, in order. */
  pass(ms: number): Promise<void>
  /** Lets time pass at once, as it does for a process that was held up: the timers are late. */
  jump(ms: number): Promise<void>
  /** Timers that are set. */
  readonly timers: number
}

export function createManualClock(): ManualClock {
  const timers = new Set<{ at: number; callback: () => void }>()
  let time = 0

  return {
    now: () => time,
    after(delayMs, callback) {
      const timer = { at: time + delayMs, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async pass(ms) {
      const end = time + ms
      await nextTurn()
      for (let due = nextDue(end); due !== undefined; due = nextDue(end)) {
        time = Math.max(time, due.at)
        await fire(due)
      }
      time = end
    },
    async jump(ms) {
      time += ms
      const due = [...timers].filter(({ at }) => at <= time).sort((one, other) => one.at - other.at)
      for (const timer of due) if (timers.has(timer)) await fire(timer)
    },
    get timers() {
      return timers.size
    }
  }

  function nextDue(end: number) {
    return [...timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0]
  }

  async function fire(timer: { at: number; callback: () => void }) {
    timers.delete(timer)
    timer.callback()
    await nextTurn()
  }
}
