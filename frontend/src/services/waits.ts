/**
 * Why requests take long, of which the page shows the first of this list.
 */
import { createStore, type Store } from './store.ts'

export const WAITS = [
  'offline',
  'signed-out',
  'outcome-unknown',
  'unreachable',
  'restarting',
  'keys-unavailable',
  'waking',
  'limited',
  'slow'
] as const
export type Wait = (typeof WAITS)[number]

export interface Waits extends Pick<Store<Wait | undefined>, 'get' | 'subscribe'> {
  /** Of one request: undefined when it waits no more. */
  set(request: symbol, wait: Wait | undefined): void
  of(request: symbol): Wait | undefined
}

export function createWaits(): Waits {
  const all = new Map<symbol, Wait>()
  const first = createStore<Wait | undefined>(undefined)
  return {
    get: first.get,
    subscribe: first.subscribe,
    of: request => all.get(request),
    set(request, wait) {
      if (wait === undefined) all.delete(request)
      else all.set(request, wait)
      const present = new Set(all.values())
      first.set(WAITS.find(name => present.has(name)))
    }
  }
}
