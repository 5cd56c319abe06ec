/**
 * Whether the browser is online, and pauses that end when it is again.
 */
export interface Network {
  isOnline(): boolean
  /** Ends early when the browser comes online. Rejects when `signal` is aborted. */
  pause(ms: number, signal: AbortSignal): Promise<void>
}

export const browserNetwork: Network = {
  isOnline: () => navigator.onLine,
  pause: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(end, ms)
      window.addEventListener('online', end)
      signal.addEventListener('abort', end)
      if (signal.aborted) end()

      function end() {
        clearTimeout(timer)
        window.removeEventListener('online', end)
        signal.removeEventListener('abort', end)
        if (signal.aborted) reject(signal.reason)
        else resolve()
      }
    })
}
