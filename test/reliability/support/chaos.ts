/**
 * Users who write and read while everything between the service and its database goes wrong; then, whether
 * each was told the truth.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { startLocalNeon } from '../../../packages/local-neon/src/local-neon.ts'
import { until } from '../../support/app.ts'
import { administer } from '../../support/postgres.ts'
import type { Verdict } from './history.ts'
import { beginLying } from './lies.ts'
import { attack, planAttacks } from './nemesis.ts'
import { type Randomness, randomnessOf } from './randomness.ts'
import { createServiceDatabase, openService, type Service } from './service.ts'
import { openFront } from './tamper.ts'

export interface ChaosOptions {
  seconds: number
  seed: number
  log: (line: string) => void
}

export interface ChaosReport extends Omit<Verdict, 'doubts'> {
  /** Clients that the pool has not got back, and transactions that the server has not ended. */
  leaked: number
  seed: number
  seconds: number
  faults: number
  /** Messages that do not belong, answers twice or not at all, and logins that nobody can read. */
  lies: number
  /** What did not hold besides, such as a liveness that failed. */
  broken: readonly string[]
}

const WORKERS = 16
const USERS = ['alice', 'bob', 'carol', 'dave']

// Of a hundred: the rest are writes.
const READS = 25
const HANG_UPS = 10

export async function runChaos({ seconds, seed, log }: ChaosOptions): Promise<ChaosReport> {
  const attacks = planAttacks(randomnessOf(seed), seconds * 1000)
  const ends: (() => unknown)[] = []
  const neon = await startLocalNeon({ wakeDelayMs: 50, wakeJitterMs: 50, suspendAfterMs: 0, log: () => {} })
  try {
    const databaseUrl = await createServiceDatabase(neon)
    const front = await openFront({ teardown: end => ends.push(end) }, neon)
    const service = await openService({ databaseUrl: front.through(databaseUrl) })
    try {
      const over = new AbortController()
      const workers = Array.from({ length: WORKERS }, (_, index) =>
        work(service, randomnessOf(seed + 1 + index), index, over.signal)
      )
      const attacking = attack(neon, attacks, over.signal)
      const lies = beginLying(front, randomnessOf(seed + 1 + WORKERS))
      await sleep(seconds * 1000)
      over.abort()
      lies.end()
      await Promise.all([attacking, ...workers])
      neon.clearFaults()
      log(`${service.writes.length} writes; healing`)
      log(`recovered in ${Math.round(await service.recover())} ms`)
      const resolved = await service.resolve()
      await Promise.all(USERS.map(service.read))
      const leaked = (await service.settle()) + (await openTransactions(databaseUrl))
      const { doubts, ...verdict } = await service.verdict()
      for (const doubt of doubts) log(doubt)
      return {
        ...verdict,
        // Those of unknown outcome that have a key are acknowledged by now.
        acknowledged: verdict.acknowledged - resolved,
        unknown: verdict.unknown + resolved,
        leaked,
        seed,
        seconds,
        faults: attacks.length,
        lies: lies.told,
        broken: service.broken
      }
    } finally {
      await service.close()
    }
  } finally {
    for (const end of ends) end()
    await neon.close()
  }
}

async function work(service: Service, random: Randomness, index: number, signal: AbortSignal) {
  const user = USERS[index % USERS.length] ?? ''
  while (!signal.aborted) {
    if (random.isOneIn100(READS)) await service.read(user).catch(() => {})
    else if (random.isOneIn100(HANG_UPS))
      await service.write(user, { key: randomUUID(), signal: AbortSignal.timeout(random.between(1, 50)) })
    else await service.write(user, { key: randomUUID() })
  }
}

/** Those that somebody left behind; the server needs a moment to see that a link has gone. */
async function openTransactions(databaseUrl: string): Promise<number> {
  let open: Record<string, unknown>[] = []
  await until(async () => {
    open = await administer(OPEN_TRANSACTIONS, databaseUrl)
    return open.length === 0
  }).catch(() => {})
  return open.length
}

const OPEN_TRANSACTIONS = `
  select 1 from pg_stat_activity
  where datname = current_database() and backend_type = 'client backend' and xact_start is not null
    and pid <> pg_backend_pid()`
