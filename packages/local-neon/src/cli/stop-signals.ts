/**
 * When a command has to stop: Ctrl-C, SIGTERM, or the end of the process that
 * started it.
 */
import { onParentExit } from './parent-process.ts'

/** A terminal sends Ctrl-C to the whole group, and npm passes it on: two signals, one wish. */
const SAME_WISH_MS = 300

/** Calls `stop` for the first wish. A later one ends this process with 1, and with it whatever it supervises. */
export function onStopSignal(stop: () => void) {
  let askedAtMs: number | undefined

  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  onParentExit(onSignal)

  function onSignal() {
    const nowMs = performance.now()
    if (askedAtMs === undefined) {
      askedAtMs = nowMs
      stop()
    } else if (nowMs - askedAtMs > SAME_WISH_MS) process.exit(1)
  }
}
