/**
 * A process with the service of one contestant.
 */
import { portOf } from '../probes/replica.ts'
import { takeOrders } from '../process/orders.ts'
import type { AppModule, AppOptions } from './http/app.ts'

export interface HttpReady {
  port: number
}

const [file = '', options = '{}'] = process.argv.slice(2)
const { build }: AppModule = await import(`./http/${file}`)
const parsed: AppOptions = JSON.parse(options)
const app = await build(parsed)
await app.listen({ host: '127.0.0.1', port: 0 })
const ready: HttpReady = { port: portOf(app.server.address()) }

takeOrders(ready, () => app.close())
