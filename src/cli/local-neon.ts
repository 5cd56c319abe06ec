/**
 * Owns `npm run db:local`: a local Neon in the foreground, until Ctrl-C, SIGTERM or the end of
 * the process that started it.
 */
import { resolve } from 'node:path'
import { ignore } from '../local/failure.ts'
import { LOCAL_NEON_DIRECTORY, LOCAL_NEON_PORT, type LocalNeon, startLocalNeon } from '../local/neon.ts'
import { onParentExit } from '../local/parent.ts'

const MAX_PORT = 65_535
/** npm passes a Ctrl-C on to us, who get it from the terminal as well: two signals, one wish. */
const SAME_WISH_MS = 300

const directory = resolve(process.env.LOCAL_NEON_DIRECTORY ?? LOCAL_NEON_DIRECTORY)
const starting = start()
let askedAtMs: number | undefined

process.on('SIGINT', onSignal)
process.on('SIGTERM', onSignal)
onParentExit(stop)

starting.then(serve, (error: Error) => fail(error.message))

async function serve(neon: LocalNeon) {
  say(greetingOf(neon))
  const { code, signal } = await neon.exited
  await neon.close()
  fail(`Postgres has ended without being asked to (${signal ?? `exit code ${code}`})`)
}

async function start(): Promise<LocalNeon> {
  return await startLocalNeon({
    directory,
    port: readPort(process.env.LOCAL_NEON_PORT),
    systemDirectory: process.env.LOCAL_NEON_SYSTEM_DIRECTORY,
    log: say
  })
}

function readPort(text: string | undefined): number {
  if (text === undefined) return LOCAL_NEON_PORT
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= MAX_PORT) return port
  throw new RangeError(`LOCAL_NEON_PORT must be a whole number from 0 to ${MAX_PORT}, not "${text}"`)
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

function onSignal() {
  const nowMs = performance.now()
  askedAtMs ??= nowMs
  // The supervisor of Postgres ends it even so.
  if (nowMs - askedAtMs > SAME_WISH_MS) process.exit(1)
  stop()
}

function stop() {
  // A start that fails ends the process anyway.
  starting.then(closeAndExit, ignore)
}

async function closeAndExit(neon: LocalNeon) {
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
