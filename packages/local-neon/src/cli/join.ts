/**
 * Owns the sharing of one local Neon by the commands of a project: the first starts it, the others join it.
 */
import { get, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import type { LocalNeonListener } from '../events.ts'
import { ignore, systemCode } from '../failure.ts'
import { HOST } from '../listen.ts'
import type { LocalNeon } from '../local-neon.ts'
import { homesOf } from '../postgres/place.ts'
import { findServer, type Running } from '../postgres/running.ts'
import type { LocalSettings } from './settings.ts'

/** A local Neon that another process has started. */
export type JoinedLocalNeon = Pick<LocalNeon, 'url' | 'port' | 'observe'> & {
  /** Pid of that process. */
  startedBy: number
  controlUrl: string
  consoleUrl: string | undefined
  /** Resolves when that process has ended it. */
  exited: Promise<void>
  /** Leaves it; it goes on. */
  close(): Promise<void>
}

/** The one that runs for these settings, whoever has started it; undefined when none does. */
export async function findLocalNeon(settings: LocalSettings): Promise<Running | undefined> {
  for (const home of await homesOf(settings)) {
    const running = await findServer(home)
    if (running) return running
  }
  return undefined
}

/** Starts one, or joins the one that runs for these settings. */
export async function startOrJoin(
  settings: LocalSettings,
  start: () => Promise<LocalNeon>
): Promise<LocalNeon | JoinedLocalNeon> {
  try {
    return await start()
  } catch (error) {
    const running = systemCode(error) === 'LOCAL_NEON_ALREADY_RUNNING' && (await findLocalNeon(settings))
    if (!running || running.controlPort === undefined) throw error
    return await join(running, `http://${HOST}:${running.controlPort}`)
  }
}

async function join({ pid, port, url, consoleUrl }: Running, controlUrl: string): Promise<JoinedLocalNeon> {
  const listeners = new Set<LocalNeonListener>()
  let isLeft = false
  const events = await openEvents(controlUrl)
  const exited = new Promise<void>(resolve => events.once('close', () => isLeft || resolve()))
  const lines = createInterface({ input: events }).on('line', line => {
    for (const listener of listeners) listener(JSON.parse(line))
  })
  // The other process cuts both off when it ends, which `exited` tells.
  for (const stream of [events, lines]) stream.on('error', ignore)
  return { startedBy: pid, url, port, controlUrl, consoleUrl, observe, exited, close }

  function observe(listener: LocalNeonListener) {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  async function close() {
    isLeft = true
    events.destroy()
  }
}

function openEvents(controlUrl: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => get(`${controlUrl}/events`, resolve).on('error', reject))
}
