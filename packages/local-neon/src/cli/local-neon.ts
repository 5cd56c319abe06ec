#!/usr/bin/env node
/**
 * `npx local-neon`: a local Neon in the foreground, with one line for each thing that happens,
 * until Ctrl-C, SIGTERM or the end of the process that started it. Where another process has
 * started it, it follows that one. With a command behind it (`npx local-neon suspend`) it speaks
 * to the one that runs.
 */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describeEvent } from '../events.ts'
import { type LocalNeon, startLocalNeon } from '../local-neon.ts'
import { runCommand, USAGE } from './commands.ts'
import { type JoinedLocalNeon, startOrJoin } from './join.ts'
import { flagOf, LOCAL_SETTINGS, type LocalSettings, localSettings } from './settings.ts'
import { onStopSignal } from './stop-signals.ts'

if (existsSync('.env')) process.loadEnvFile('.env')

await run().catch((error: Error) => fail(error.message))

async function run() {
  const options = Object.fromEntries(
    Object.keys(LOCAL_SETTINGS).map(name => [flagOf(name), { type: 'string' as const }])
  )
  const { values, positionals } = parseArgs({
    options: { ...options, help: { type: 'boolean' } },
    allowPositionals: true
  })
  if (values.help) return say(USAGE)
  const given = new Map<string, unknown>(Object.entries(values))
  const flags = Object.keys(LOCAL_SETTINGS).filter(name => given.has(flagOf(name)))
  const fromFlags = Object.fromEntries(flags.map(name => [name, String(given.get(flagOf(name)))]))
  const settings = localSettings({ ...process.env, ...fromFlags })
  const [command, ...words] = positionals
  if (command === undefined) await serve(settings)
  else say(await runCommand(settings, command, words))
}

async function serve(settings: LocalSettings) {
  const starting = startOrJoin(settings, () => startLocalNeon({ ...settings, log: say }))
  onStopSignal(() => stop(starting))
  const neon = await starting
  if ('startedBy' in neon) return await follow(neon)
  say(greetingOf(neon))
  neon.observe(event => say(describeEvent(event)))
  const { code, signal } = await neon.exited
  await neon.close()
  fail(`Postgres has ended without being asked to (${signal ?? `exit code ${code}`})`)
}

async function follow(neon: JoinedLocalNeon) {
  say(joinedGreetingOf(neon))
  neon.observe(event => say(describeEvent(event)))
  await neon.exited
  say(`Local Neon was ended by pid ${neon.startedBy}`)
}

function greetingOf({ url, urls, port, portWasTaken, ca, controlUrl, consoleUrl }: LocalNeon): string {
  return [
    `Local Neon is ready at port ${port}${portWasTaken ? ', since the one asked for is taken' : ''}`,
    '',
    `  DATABASE_URL=${url}`,
    `  psql '${url}'`,
    '',
    `  pooled   ${urls.pooled}`,
    ...(urls.directTls ? [`  wss      ${urls.directTls}`] : []),
    ...(ca ? [`           NODE_EXTRA_CA_CERTS=${ca.file}`] : []),
    `  control  ${controlUrl}, or npx local-neon --help`,
    `  console  ${consoleUrl}`,
    '',
    `Stop it with Ctrl-C or kill ${process.pid}`,
    ''
  ].join('\n')
}

function joinedGreetingOf({ url, port, controlUrl, consoleUrl, startedBy }: JoinedLocalNeon): string {
  return [
    `Local Neon runs already at port ${port}, with the settings of pid ${startedBy}, which started it`,
    '',
    `  DATABASE_URL=${url}`,
    `  psql '${url}'`,
    '',
    `  console  ${consoleUrl}`,
    `  control  ${controlUrl}, or npx local-neon --help`,
    '',
    'Ctrl-C ends this list of events, and not the database',
    ''
  ].join('\n')
}

async function stop(starting: Promise<Pick<LocalNeon, 'close'>>) {
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
