/**
 * One line in the log per change of health, and no other.
 */
import type { FastifyBaseLogger } from 'fastify'
import type { Transition } from '../health/monitor.ts'

/** A change that a healthy service goes through every few minutes. */
const ROUTINE = new Set(['up', 'idle'])
const GOOD = new Set(['up', 'idle', 'ready', 'ok'])

export function logTransition(log: FastifyBaseLogger, transition: Transition): void {
  const { subject, from, to } = transition
  const facts = {
    from,
    to,
    ...(subject === 'check'
      ? { check: transition.name, err: transition.error }
      : { reason: transition.reason })
  }
  log[levelOf(transition)](facts, `${subject} is ${to}`)
}

function levelOf({ subject, from, to }: Transition) {
  if (ROUTINE.has(from) && ROUTINE.has(to)) return 'debug'
  return GOOD.has(to) || subject === 'process' ? 'info' : 'warn'
}
