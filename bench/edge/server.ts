/**
 * A process with one of the services that are put under load.
 */
import { Writable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { loadConfig } from '../../src/config.ts'
import { portOf } from '../probes/replica.ts'
import { takeOrders } from '../process/orders.ts'
import { buildPlain, buildUnderPressure } from './peers.ts'
import type { Contestant } from './report.ts'

export interface ServerReady {
  port: number
  /** Where probes are sent. */
  probePort: number
  probePath: string
  pid: number
}

const [contestant = '', settings = '{}'] = process.argv.slice(2)
const config = loadConfig(JSON.parse(settings))
let logBytes = 0
const logStream = new Writable({
  write(chunk: Buffer, _encoding, done) {
    logBytes += chunk.length
    done()
  }
})

const app = await build(contestant as Contestant)
await app.listen({ host: '127.0.0.1', port: 0 })
const port = portOf(app.server.address())
const { server: probes } = app.health
const ready: ServerReady = {
  port,
  probePort: probes ? await portWhenListening(probes) : port,
  probePath: contestant === 'under-pressure' ? '/status' : '/livez',
  pid: process.pid
}

takeOrders(
  ready,
  () => app.close(),
  // The only order there is.
  async () => logBytes
)

async function build(name: Contestant): Promise<FastifyInstance> {
  if (name === 'fastify-neon') {
    const { buildApp } = await import('../../src/app.ts')
    return buildApp({ config, logStream })
  }
  return name === 'under-pressure' ? buildUnderPressure(config, logStream) : buildPlain(config, logStream)
}

async function portWhenListening(server: NonNullable<typeof probes>) {
  if (!server.listening) await new Promise(resolve => server.once('listening', resolve))
  return portOf(server.address())
}
