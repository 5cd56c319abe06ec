/**
 * `npm run db:local`: a local Neon in the foreground, until Ctrl-C, SIGTERM or the end of the
 * process that started it.
 */
import { existsSync } from 'node:fs'
import { type LocalNeon, startLocalNeon } from '../local/neon.ts'
import { localSettings } from '../local/settings.ts'
import { onStopSignal } from './stop-signals.ts'

if (existsSync('.env')) process.loadEnvFile('.env')

const starting = start()

onStopSignal(stop)
starting.then(serve, (error: Error) => fail(error.message))

async function serve(neon: LocalNeon) {
  say(greetingOf(neon))
  const { code, signal } = await neon.exited
  await neon.close()
  fail(`Postgres has ended without being asked to (${signal ?? `exit code ${code}`})`)
}

async function start(): Promise<LocalNeon> {
  return await startLocalNeon({
    ...localSettings(process.env),
    log: say
  })
}

function greetingOf({ url, port, portWasTaken }: LocalNeon): string {
  return [
    `Local Neon is ready at port ${port}${portWasTaken ? ', since the one asked for is taken' : ''}`,
    '',
    `  DATABASE_URL=${url}`,
    `  psql '${url}'`,
    '',
    `Stop it with Ctrl-C or kill ${process.pid}`
  ].join('\n')
}

async function stop() {
  // A start that fails is reported above, and ends the process.
  const neon = await starting
  await neon.close()
  process.exit(0)
}

function say(text: string) {
  process.stdout.write(`${text}\n`)
}

function fail(message: string) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
