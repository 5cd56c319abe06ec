/**
 * Whether another process has the port that the service is to listen on.
 */
import { createServer } from 'node:net'
import { Settings } from '../src/settings.ts'

const { HOST: hostSetting, PORT: portSetting } = Settings.properties

/** The port, when it is taken; undefined when it is free, or is none, which is for the service to say. */
export async function takenPort(settings: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { host, port } = addressOf(settings)
  const isPort = /^\d+$/.test(port) && Number(port) <= Number(portSetting.maximum)
  return isPort && (await isTaken(host, Number(port))) ? port : undefined
}

/** Where the service listens with these settings. */
export function addressOf({ HOST, PORT }: NodeJS.ProcessEnv): { host: string; port: string } {
  return { host: HOST ? HOST : `${hostSetting.default}`, port: PORT ? PORT : `${portSetting.default}` }
}

function isTaken(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE'))
    server.listen({ host, port }, () => server.close(() => resolve(false)))
  })
}
