/**
 * A process with a local Neon whose time goes by faster, and which sleeps after Neon's five minutes.
 */
import { scaledClock, startLocalNeon } from '../../packages/local-neon/src/local-neon.ts'
import { takeOrders } from '../process/orders.ts'
import { SUSPEND_SECONDS } from './report.ts'

export interface NeonReady {
  url: string
  /** Where its meter is read. */
  controlUrl: string
}

const [factor] = process.argv.slice(2)

const neon = await startLocalNeon({
  clock: scaledClock(Number(factor)),
  suspendAfterMs: SUSPEND_SECONDS * 1000,
  controlPort: 0
})
const ready: NeonReady = { url: neon.url, controlUrl: neon.controlUrl ?? '' }

takeOrders(ready, neon.close)
