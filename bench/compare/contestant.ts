/**
 * A process with one contestant, which opens, works and closes as it is told.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { takeOrders } from '../process/orders.ts'
import type { Contestant, ContestantModule, ContestantOptions } from './contestants/contestant.ts'
import { type LoadOptions, measureIdle, measureMemory, runBursts, runLoad, runQueue } from './load.ts'
import type { Work } from './works.ts'

export type ContestantOrder =
  | ({ type: 'open' } & ContestantOptions)
  | { type: 'close' }
  | ({ type: 'load'; work: Work } & LoadOptions)
  | { type: 'bursts'; work: Work; atOnce: number; times: number }
  | { type: 'queue' | 'memory' | 'idle'; work: Work; atOnce: number }
  /** Time of one answer, in ms. */
  | { type: 'once'; work: Work }

const [file = ''] = process.argv.slice(2)
const { open }: ContestantModule = await import(`./contestants/${file}`)
setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')
let contestant: Contestant | undefined

takeOrders({}, close, carryOut)

async function carryOut(order: ContestantOrder): Promise<unknown> {
  if (order.type === 'open') {
    contestant = await open(order)
    return undefined
  }
  if (order.type === 'close') return await close()
  if (!contestant) throw new Error('nothing is open')
  const call = contestant.works[order.work]
  if (order.type === 'load') return await runLoad(call, order)
  if (order.type === 'bursts') return await runBursts(call, order)
  if (order.type === 'queue') return await runQueue(call, order.atOnce)
  if (order.type === 'memory') return await measureMemory(call, order.atOnce, collect)
  if (order.type === 'idle') return await measureIdle({ call, close }, order.atOnce, collect)
  const startMs = performance.now()
  await call(0)
  return performance.now() - startMs
}

async function close() {
  await contestant?.close()
  contestant = undefined
}
