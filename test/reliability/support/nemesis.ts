/**
 * What goes wrong in a run of chaos, and when: made from the seed before the run begins, so that a run can be
 * had again as far as its faults go. What a fault meets depends on the machine.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault, LocalNeon } from '../../../packages/local-neon/src/local-neon.ts'
import type { Randomness } from './randomness.ts'

export interface Attack {
  /** Quiet before it, in ms. */
  afterMs: number
  /** How long it lasts, in ms; 0 for what happens at once. */
  forMs: number
  what: Fault | 'suspend' | 'kill'
}

const CLOSE_CODES = [undefined, 1000, 1001, 1011] as const

const FAULTS: readonly ((random: Randomness) => Fault)[] = [
  random => ({
    type: 'latency',
    toServerMs: random.between(0, 150),
    toClientMs: random.between(0, 150),
    jitterMs: random.between(0, 50)
  }),
  random => ({ type: 'bandwidth', toClientBytesPerSecond: random.between(2000, 50_000) }),
  random => ({
    type: 'blackhole',
    direction: random.oneOf(['to-server', 'to-client', 'both'] as const),
    connections: random.oneOf(['existing', 'new', 'all'] as const)
  }),
  () => ({ type: 'reset', connections: 'existing' }),
  random => {
    const code = random.oneOf(CLOSE_CODES)
    return { type: 'close', connections: 'existing', ...(code !== undefined && { code }) }
  },
  random => ({ type: 'truncate', times: random.between(1, 3) }),
  random => ({ type: 'garble', times: random.between(1, 3) }),
  random => ({ type: 'upgrade', status: random.oneOf([429, 502, 503, 'never'] as const) }),
  random => ({
    type: 'login',
    message: random.oneOf(['compute-unreachable', 'too-many-connections', 'control-plane'] as const)
  }),
  // Twice as often, since it is what only a client can resolve.
  random => ({ type: 'commit', lose: 'acknowledgement', times: random.between(1, 5) }),
  random => ({ type: 'commit', lose: 'acknowledgement', times: random.between(1, 5) }),
  random => ({ type: 'commit', lose: 'request', times: random.between(1, 5) }),
  random => ({ type: 'connection-limit', limit: random.between(0, 3) })
]

const ATTACKS: readonly ((random: Randomness) => Attack['what'])[] = [
  ...FAULTS,
  () => 'kill',
  () => 'kill',
  () => 'suspend'
]

export function planAttacks(random: Randomness, totalMs: number): Attack[] {
  const attacks: Attack[] = []
  for (let atMs = 0; atMs < totalMs; ) {
    const what = random.oneOf(ATTACKS)(random)
    const attack = {
      afterMs: random.between(50, 700),
      forMs: typeof what === 'string' ? 0 : random.between(50, 1500),
      what
    }
    attacks.push(attack)
    atMs += attack.afterMs + attack.forMs
  }
  return attacks
}

/** Carries the attacks out one after the other, until the signal is aborted. Nothing is wrong any more at the end. */
export async function attack(
  neon: LocalNeon,
  attacks: readonly Attack[],
  signal: AbortSignal
): Promise<void> {
  for (const { afterMs, forMs, what } of attacks) {
    await pause(afterMs)
    if (signal.aborted) return
    if (what === 'kill') await neon.killBackends()
    else if (what === 'suspend') await neon.suspend()
    else {
      const injection = neon.inject(what)
      await pause(forMs)
      injection.remove()
    }
  }

  function pause(ms: number) {
    return sleep(ms, undefined, { signal }).catch(() => {})
  }
}
