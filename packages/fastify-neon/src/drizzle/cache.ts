/**
 * Drizzle's cache, where other statements than those of one caller meet in it: what is read in a transaction may never
 * be committed, and what is read with claims is for one user.
 */
import { warn } from '../runtime/listeners.ts'
import type { DrizzleOptions, NoTables } from './line.ts'

export type Cache = NonNullable<DrizzleOptions<NoTables>['cache']>
type Mutation = Parameters<Cache['onMutate']>[0]

/** As `cache`, for statements that are carried out at once. */
export function contained(cache: Cache): Cache {
  return cacheWith(cache, mutation => remove(cache, mutation))
}

/** For statements that are committed later: keeps what they have changed until `flush`. */
export function postponed(cache: Cache): { cache: Cache; flush(): Promise<void> } {
  const mutations: Mutation[] = []
  return {
    cache: cacheWith(cache, async mutation => {
      mutations.push(mutation)
    }),
    async flush() {
      for (const mutation of mutations) await remove(cache, mutation)
    }
  }
}

function cacheWith(cache: Cache, onMutate: Cache['onMutate']): Cache {
  return {
    strategy: () => cache.strategy(),
    get: (...entry) => cache.get(...entry),
    put: (...entry) => cache.put(...entry),
    onMutate
  }
}

/** A statement that was carried out has not failed, so what cannot be removed is a warning of the process. */
async function remove(cache: Cache, mutation: Mutation): Promise<void> {
  try {
    await cache.onMutate(mutation)
  } catch (error) {
    warn(cache, 'cache of Drizzle', error)
  }
}
