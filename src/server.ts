/**
 * The process: settings, application, signals, listen.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import { buildApp } from './app.ts'
import { type Config, loadConfig } from './config.ts'
import { ConfigInvalidError } from './errors.ts'

const config = loadConfigOrExit()
const app = await buildApp({ config })

closeWithGrace({ delay: config.shutdownTimeoutMs, logger: app.log }, async ({ signal, err }) => {
  if (err) app.log.fatal({ err }, 'unexpected error, closing')
  else app.log.info({ signal }, 'closing')
  app.health.drain()
  await sleep(config.drainDelayMs)
  await app.close()
})
// `npm run dev` holds the other end of this channel: the service ends with it,
// even when it is killed.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))

const url = await app.listen({ host: config.host, port: config.port }).catch(exitIfTaken)
// A parent that has just gone cannot be told, and the end of the channel ends this process.
process.send?.({ url }, undefined, undefined, () => {})
for (const { severity, message } of config.notices) app.log[severity === 'info' ? 'info' : 'warn'](message)

function exitIfTaken(error: NodeJS.ErrnoException): never {
  /* c8 ignore next -- whatever else keeps it from listening is told as it is */
  if (error.code !== 'EADDRINUSE') throw error
  const { host, port } = config
  process.stderr.write(
    `${host}:${port} is taken by another process\n  End that one, or set PORT to another port; 0 takes a free one\n`
  )
  process.exit(1)
}

function loadConfigOrExit(): Config {
  try {
    return loadConfig(process.env)
  } catch (error) {
    /* c8 ignore next -- any other error is a mistake in loadConfig */
    if (!(error instanceof ConfigInvalidError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}
