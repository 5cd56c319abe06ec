/**
 * What a browser has and Node.js has not: a storage, and locks.
 */

export function memoryStorage(): Storage {
  const entries = new Map<string, string>()
  return {
    get length() {
      return entries.size
    },
    key: index => [...entries.keys()][index] ?? null,
    getItem: name => entries.get(name) ?? null,
    setItem: (name, value) => void entries.set(name, value),
    removeItem: name => void entries.delete(name),
    clear: () => entries.clear()
  }
}

/** Each name is held by one at a time, first come, first served. */
export function memoryLocks(): Pick<LockManager, 'request'> {
  const last = new Map<string, Promise<unknown>>()
  const request = (name: string, _options: unknown, work: () => Promise<unknown>) => {
    const turn = (last.get(name) ?? Promise.resolve()).then(work)
    last.set(
      name,
      turn.catch(() => {})
    )
    return turn
  }
  return { request } as unknown as Pick<LockManager, 'request'>
}

/** A JWT as the page reads it: only its subject counts there. */
export function tokenOf(sub: unknown, number = 0): string {
  const payload = Buffer.from(JSON.stringify({ sub, number })).toString('base64url')
  return `e30.${payload}.c2lnbmF0dXJl`
}
