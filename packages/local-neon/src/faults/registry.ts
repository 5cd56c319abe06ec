/**
 * Owns the faults that are there: whom each is for, how often it was met, and its end.
 */
import { type Clock, systemClock } from '../clock.ts'
import type { LocalNeonListener } from '../events.ts'
import { ignore } from '../failure.ts'
import { checkFault, type Fault, type FaultOf, type FaultType } from './fault.ts'

/** A fault that is there until it is removed. */
export interface Injection {
  readonly id: string
  readonly fault: Fault
  /** How many connections, logins, commits and so on it has met. */
  readonly hits: number
  /** Undoes it: what was held back goes on. Does nothing the second time. */
  remove(): void
}

/** What is known of a connection; more, once it has logged in. */
export interface ConnectionFacts {
  transport?: 'ws' | 'tcp'
  endpoint?: string
  user?: string
  database?: string
  applicationName?: string
}

/** What a fault is matched with: a connection keeps its identity, so that a fault for all its time meets it once. */
export interface Subject {
  readonly facts: ConnectionFacts
  /** From `Faults.ticket()`, when it came. */
  readonly ticket: number
}

export interface Faults {
  /** Throws LOCAL_NEON_FAULT_INVALID. */
  inject(fault: Fault): Injection
  list(): Injection[]
  clear(): void
  /** The first fault of this type that is for the subject, and that `applies`; counts as met. */
  meet<T extends FaultType>(
    type: T,
    subject: Subject,
    applies?: (fault: FaultOf<T>) => boolean
  ): FaultOf<T> | undefined
  /** All faults of this type that are for the subject as long as they are there; each counts once for it. */
  holding<T extends FaultType>(type: T, subject: Subject): Array<FaultOf<T>>
  /** False is the quick answer for all that passes while there is none. */
  readonly areThere: boolean
  /** A number for who comes now, to tell new connections from those that were there. */
  ticket(): number
}

interface Entry extends Injection {
  hits: number
  passed: number
  ticket: number
  /** Those it has come to once: whether it has met them, or let them go by. */
  seen: WeakMap<Subject, boolean>
}

/** `onChange` is called after a fault has come or gone. */
export function createFaults(
  onEvent: LocalNeonListener,
  onChange: (added?: Fault) => void,
  clock: Clock = systemClock
): Faults {
  const entries = new Map<string, Entry>()
  /** Ends the wait for the end of each fault that ends by itself. */
  const ends = new Map<string, AbortController>()
  let tickets = 0

  return {
    inject,
    list: () => [...entries.values()],
    clear,
    meet,
    holding,
    ticket,
    get areThere() {
      return entries.size > 0
    }
  }

  function ticket(): number {
    tickets += 1
    return tickets
  }

  function inject(value: Fault): Injection {
    const fault = checkFault(value)
    const number = ticket()
    const id = `${fault.type}-${number}`
    const entry = {
      id,
      fault,
      hits: 0,
      passed: 0,
      ticket: number,
      seen: new WeakMap<Subject, boolean>(),
      remove
    }
    entries.set(id, entry)
    onChange(fault)
    if (fault.forMs !== undefined) removeAfter(fault.forMs)
    return entry

    function removeAfter(forMs: number) {
      const end = new AbortController()
      ends.set(id, end)
      clock.sleep(forMs, end.signal).then(remove, ignore)
    }

    function remove() {
      ends.get(id)?.abort()
      ends.delete(id)
      if (entries.delete(id)) onChange()
    }
  }

  function clear(): void {
    for (const end of ends.values()) end.abort()
    ends.clear()
    entries.clear()
    onChange()
  }

  function meet<T extends FaultType>(
    type: T,
    subject: Subject,
    applies: (fault: FaultOf<T>) => boolean = () => true
  ): FaultOf<T> | undefined {
    for (const entry of entries.values()) {
      const fault = asType(entry.fault, type)
      if (fault && applies(fault) && isFor(entry, subject) && isDue(entry)) {
        count(entry)
        return fault
      }
    }
    return undefined
  }

  function holding<T extends FaultType>(type: T, subject: Subject): Array<FaultOf<T>> {
    const found: Array<FaultOf<T>> = []
    for (const entry of entries.values()) {
      const fault = asType(entry.fault, type)
      if (!fault || !isFor(entry, subject)) continue
      const isMet = entry.seen.get(subject) ?? isDue(entry)
      if (isMet) found.push(fault)
      if (entry.seen.has(subject)) continue
      entry.seen.set(subject, isMet)
      if (isMet) count(entry)
    }
    return found
  }

  function count(entry: Entry): void {
    entry.hits += 1
    onEvent({ type: 'fault', fault: entry.fault.type, id: entry.id, hits: entry.hits })
  }
}

/** Counts who goes by, for `after`, and says whether the fault is to be met now, for `times`. */
function isDue(entry: Entry): boolean {
  const { after = 0, times = Number.POSITIVE_INFINITY } = entry.fault
  entry.passed += 1
  return entry.passed > after && entry.hits < times
}

function isFor({ fault, ticket }: Entry, { facts, ticket: came }: Subject): boolean {
  if ('connections' in fault && fault.connections === 'new' && came < ticket) return false
  if ('connections' in fault && fault.connections === 'existing' && came > ticket) return false
  const known = new Map<string, string>(Object.entries(facts))
  return Object.entries(fault.where ?? {}).every(
    ([name, value]) => value === undefined || known.get(name) === value
  )
}

function asType<T extends FaultType>(fault: Fault, type: T): FaultOf<T> | undefined {
  return isType(fault, type) ? fault : undefined
}

function isType<T extends FaultType>(fault: Fault, type: T): fault is FaultOf<T> {
  return fault.type === type
}
