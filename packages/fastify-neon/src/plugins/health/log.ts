/**
 * One line in the log per change of health, and no other.
 */
import type { FastifyBaseLogger } from 'fastify'
import type { Transition } from '../../health/monitor.ts'

/** A change that a healthy service goes through every few minutes. */
const ROUTINE = new Set(['up', 'idle'])
const GOOD = new Set(['up', 'idle', 'ready', 'ok', 'complete'])

export function logTransition(log: FastifyBaseLogger, transition: Transition): void {
  const { subject, from, to } = transition
  const facts = {
    from,
    to,
    ...factsOf(transition)
  }
  log[levelOf(transition)](facts, `${subject} ${subject === 'migrations' ? 'are' : 'is'} ${to}`)
}

function factsOf(transition: Transition) {
  switch (transition.subject) {
    case 'check':
      return { check: transition.name, err: transition.error }
    case 'migrations':
      return { pending: transition.pending }
    case 'database':
      return { database: transition.name, reason: transition.reason }
    default:
      return { reason: transition.reason }
  }
}

function levelOf({ subject, from, to }: Transition) {
  if (ROUTINE.has(from) && ROUTINE.has(to)) return 'debug'
  return GOOD.has(to) || subject === 'process' ? 'info' : 'warn'
}
