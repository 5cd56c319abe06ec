/**
 * All lies of a peer, side by side in lanes, since some are over only when a statement has taken its time.
 */
import type { Test } from 'tap'
import { LIES } from './lies.ts'

export type Lies = typeof LIES

export interface Found {
  /** What was answered wrongly. */
  wrong: string[]
  told: number
  answered: number
}

const LANES = 12
const TIMEOUT_MS = 900_000

/** The most pipelines on one connection. */
export const MAX_PIPELINED = Number(process.env.LIES_SHARING ?? 10)

/** `lieToUsers` tells those of its lane to users of its own. */
export function lieInLanes(
  t: Test,
  title: string,
  lieToUsers: (t: Test, lies: Lies) => Promise<Found>
): Promise<unknown> {
  return t.test(`${title}, maxPipelined ${MAX_PIPELINED}`, { timeout: TIMEOUT_MS }, async t => {
    const lanes = Array.from({ length: LANES }, (_, lane) =>
      lieToUsers(
        t,
        LIES.filter((_, index) => index % LANES === lane)
      )
    )
    const found = await Promise.all(lanes)

    t.comment(JSON.stringify(found.map(({ told, answered }) => ({ told, answered }))))
    t.strictSame(
      found.flatMap(({ wrong }) => wrong),
      []
    )
    t.ok(found.every(({ answered, told }) => answered > told))
  })
}
