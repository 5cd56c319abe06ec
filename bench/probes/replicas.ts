/**
 * A process with the replicas of one contestant, each a server and a pool of its own.
 */
import { takeOrders } from '../process/orders.ts'
import type { Replica, ReplicaSettings } from './replica.ts'

export interface ReplicasSettings extends ReplicaSettings {
  /** Name of a file in `contestants/`. */
  file: string
  replicas: number
}

export interface ReplicasReady {
  ports: number[]
}

interface ContestantModule {
  startReplica(settings: ReplicaSettings): Promise<Replica>
}

const { file, replicas: count, ...settings }: ReplicasSettings = JSON.parse(process.argv[2] ?? '{}')
const { startReplica }: ContestantModule = await import(`./contestants/${file}`)

const replicas: Replica[] = []
while (replicas.length < count) replicas.push(await startReplica(settings))
const ready: ReplicasReady = { ports: replicas.map(({ port }) => port) }

takeOrders(ready, async () => {
  await Promise.all(replicas.map(({ close }) => close()))
})
