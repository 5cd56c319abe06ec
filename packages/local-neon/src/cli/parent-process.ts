/**
 * Owns the watch on the process that started this one, so that a server whose starter
 * was killed (kill -9 included) can end itself. Works wherever there are parent pids.
 */

const POLL_INTERVAL_MS = 500

export interface ParentExitOptions {
  /**
   * Pid of the process that started this one; pass it on when it is known, since a parent
   * that is gone before the watch begins cannot be noticed otherwise.
   * @default process.ppid
   */
  parentPid?: number
  /** Time between two looks, in milliseconds. @default 500 */
  intervalMs?: number
}

/** Calls back once when the process that started this one is gone. Returns a function that stops watching. */
export function onParentExit(callback: () => void, options: ParentExitOptions = {}): () => void {
  const { parentPid = process.ppid, intervalMs = POLL_INTERVAL_MS } = options
  // An orphan is adopted by init or by the nearest subreaper, so any change of the
  // parent's pid means that the first one has ended.
  const timer = setInterval(() => {
    if (process.ppid === parentPid) return
    stop()
    callback()
  }, intervalMs).unref()

  return stop

  function stop() {
    clearInterval(timer)
  }
}
