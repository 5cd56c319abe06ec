/**
 * The process: whether it takes traffic, as far as that is its own to say.
 */

/**
 * `starting`: the startup gate has not been passed. `ready`: it has. `maintenance`: switched off by the
 * application. `draining`: asked to stop, and serving what still comes; one-way.
 */
export const PROCESS_STATES = ['starting', 'ready', 'maintenance', 'draining'] as const
export type ProcessState = (typeof PROCESS_STATES)[number]

export const PROCESS_EVENTS = ['started', 'maintenance-on', 'maintenance-off', 'drain'] as const
export type ProcessEvent = (typeof PROCESS_EVENTS)[number]

export interface ProcessFacts {
  /** Latched: nothing closes the startup gate again. */
  readonly hasStarted: boolean
  readonly isInMaintenance: boolean
  /** Latched. */
  readonly isDraining: boolean
}

export const INITIAL_FACTS: ProcessFacts = { hasStarted: false, isInMaintenance: false, isDraining: false }

export function nextFacts(facts: ProcessFacts, event: ProcessEvent): ProcessFacts {
  switch (event) {
    case 'started':
      return { ...facts, hasStarted: true }
    case 'maintenance-on':
      return { ...facts, isInMaintenance: true }
    case 'maintenance-off':
      return { ...facts, isInMaintenance: false }
    case 'drain':
      return { ...facts, isDraining: true }
  }
}

export function processOf({ hasStarted, isInMaintenance, isDraining }: ProcessFacts): ProcessState {
  if (isDraining) return 'draining'
  if (isInMaintenance) return 'maintenance'
  return hasStarted ? 'ready' : 'starting'
}
