/**
 * A process with a plain relay: what a TCP relay in Node.js costs that does nothing else.
 */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { takeOrders } from '../process/orders.ts'

export interface RelayReady {
  port: number
}

const [socketPath = ''] = process.argv.slice(2)

const server = createServer({ noDelay: true }, client => {
  const postgres = connect(socketPath)
  client.on('error', () => postgres.destroy())
  postgres.on('error', () => client.destroy())
  client.pipe(postgres)
  postgres.pipe(client)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
const port = typeof address === 'object' && address ? address.port : 0
const ready: RelayReady = { port }

takeOrders(ready, async () => {
  server.close()
})
