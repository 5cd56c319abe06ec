/**
 * Owns all processes of a run: the local Neon, the relay in front of it, and the contestants. They are gone
 * when it is closed.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Issuer, openIssuer } from '../../dev/token-issuer.ts'
import { type ContestantProcess, type ProcessOptions, startProcessWith } from '../process/process.ts'
import type { ContestantOrder } from './contestant.ts'
import type { HttpReady } from './http-contestant.ts'
import { CONTESTANTS, type ContestantName, type HttpName } from './names.ts'
import type { NeonOrder, NeonReady } from './neon.ts'
import type { RelayCount, RelayOrder, RelayReady, RelaySettings } from './relay.ts'

export interface Way {
  roundTripMs: RoundTripMs
  tls: boolean
}

export interface Stage {
  neon: NeonReady
  signal: AbortSignal
  /** Has a contestant of that name do something. Its process is started when it is needed first. */
  order<Result>(name: ContestantName, order: ContestantOrder): Promise<Result>
  relay(order: RelayOrder): Promise<RelayCount>
  suspend(): Promise<void>
  urlOf(way: Way): string
  /** For the user whose tasks are listed over HTTP. */
  token: string
  /** A new process each time; ended by who asked for it, or with the stage. */
  startApp(name: HttpName, way: Way): Promise<ContestantProcess<HttpReady>>
  close(): Promise<void>
}

export const ROUND_TRIPS_MS = [0, 2, 20, 60, 100, 200] as const
export type RoundTripMs = (typeof ROUND_TRIPS_MS)[number]

export interface StageOptions {
  signal: AbortSignal
  user: string
  /** Has all of it share one processor. @default false */
  isPinned?: boolean
}

export async function openStage({ signal, user, isPinned = false }: StageOptions): Promise<Stage> {
  const processes = new Set<ContestantProcess<object>>()
  const directory = await mkdtemp(join(tmpdir(), 'fastify-neon-bench-issuer-'))
  const contestants = new Map<ContestantName, Promise<ContestantProcess<object>>>()
  try {
    const issuer = await openIssuer(directory)
    return await open(issuer)
  } catch (error) {
    await close()
    throw error
  }

  async function open(issuer: Issuer): Promise<Stage> {
    const neon = await start<NeonReady>('neon.ts')
    const { port, url, caFile } = neon.ready
    const settings: RelaySettings = { port, roundTripsMs: ROUND_TRIPS_MS }
    const relay = await start<RelayReady>('relay.ts', [JSON.stringify(settings)])
    // What Node.js trusts beside its own list is read at its start.
    const variables = { NODE_EXTRA_CA_CERTS: caFile }

    return {
      neon: neon.ready,
      signal,
      token: await issuer.sign(user, '8h'),
      relay: order => relay.ask<RelayCount>(order),
      suspend: async () => neon.ask({ type: 'suspend' } satisfies NeonOrder),
      urlOf,
      async order<Result>(name: ContestantName, order: ContestantOrder) {
        signal.throwIfAborted()
        const started = contestants.get(name) ?? start('contestant.ts', [CONTESTANTS[name]], variables)
        contestants.set(name, started)
        return (await started).ask<Result>(order)
      },
      startApp(name, way) {
        const options = { url: urlOf(way), issuer: issuer.settings }
        return start<HttpReady>('http-contestant.ts', [`${name}.ts`, JSON.stringify(options)], variables)
      },
      close
    }

    function urlOf({ roundTripMs, tls }: Way): string {
      const through = new URL(url)
      through.port = String(relay.ready.ports[roundTripMs])
      if (tls) through.searchParams.set('sslmode', 'verify-full')
      return through.href
    }
  }

  async function start<Ready extends object>(
    file: string,
    parameters: readonly string[] = [],
    variables: ProcessOptions['variables'] = {}
  ): Promise<ContestantProcess<Ready>> {
    const started = await startProcessWith<Ready>({
      file: new URL(file, import.meta.url),
      parameters,
      variables,
      isPinned
    })
    processes.add(started)
    signal.throwIfAborted()
    return started
  }

  /** The contestants first, since what they are connected to would be gone. */
  async function close() {
    const [neon, relay, ...others] = processes
    await Promise.all(others.map(started => started.end()))
    await relay?.end()
    await neon?.end()
    await rm(directory, { recursive: true, force: true })
  }
}
