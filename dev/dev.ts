/**
 * `npm run dev`: a database on this machine unless DATABASE_URL names one, its
 * migrations, the service and the frontend with reload.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { redact } from 'fastify-neon/connection-string'
import { applyMigrations } from 'fastify-neon/migrations'
import { describeEvent, type LocalNeon, startLocalNeon } from 'local-neon'
import { type LocalSettings, localSettings, onStopSignal } from 'local-neon/cli'
import type { Frontend } from '../frontend/development.ts'
import { runService, type Service } from './service-process.ts'
import { type Issuer, openIssuer } from './token-issuer.ts'

const SOURCE = fileURLToPath(new URL('../src', import.meta.url))
const MIGRATIONS = fileURLToPath(new URL('../drizzle', import.meta.url))
const TOKEN_LIFETIME = '8h'

/* c8 ignore start -- runs in the process of npm run dev (test/dev/dev.test.ts, test/soak/dev.soak.ts), whose coverage is not always kept */

let neon: LocalNeon | undefined
let service: Service | undefined
let frontend: Frontend | undefined
let serviceUrl: string | undefined

if (existsSync('.env')) process.loadEnvFile('.env')
onStopSignal(() => stop(0))
await start().catch((error: Error) => {
  say(redact(error.message))
  return stop(1)
})

async function start() {
  const settings = localSettings(process.env)
  const given = process.env.DATABASE_URL
  const databaseUrl = given ? given : await startDatabase(settings)
  const issuer = process.env.AUTH_ISSUER ? undefined : await openIssuer(settings.directory)
  const origins = await openFrontend(issuer)
  const listening = startService({
    DATABASE_ERROR_DETAILS: 'on',
    ...process.env,
    ...issuer?.settings,
    DATABASE_URL: databaseUrl,
    CORS_ORIGINS: [process.env.CORS_ORIGINS, ...origins].filter(Boolean).join()
  })
  // While the service starts. A database that was given may be in use, and is somebody else's to migrate.
  if (!given) await migrate(databaseUrl)
  const url = await listening
  serviceUrl = url

  const token = await issuer?.sign('alice', TOKEN_LIFETIME)
  say(`service    ${url}`)
  if (frontend) say(`frontend   ${frontend.url}`)
  say(`database   ${given ? redact(given) : databaseUrl}`)
  if (neon?.consoleUrl) say(`console    ${neon.consoleUrl}`)
  if (token) say(`try        curl -H 'authorization: Bearer ${token}' ${url}/tasks`)
  say('stop       Ctrl-C')
}

/** Resolves with its origins, as browsers may send them: none when it is left out. */
async function openFrontend(issuer: Issuer | undefined): Promise<string[]> {
  if (process.env.FRONTEND === 'off') return []
  // Vite is loaded for this alone.
  const { startFrontend } = await import('../frontend/development.ts')
  frontend = await startFrontend({
    apiUrl: () => serviceUrl,
    sign: issuer && (user => issuer.sign(user, TOKEN_LIFETIME))
  })
  return [frontend.url, frontend.url.replace('127.0.0.1', 'localhost')]
}

async function startDatabase(settings: LocalSettings): Promise<string> {
  const started = await startLocalNeon({ ...settings, log: say })
  neon = started
  started.observe(event => {
    if (event.type === 'suspend' || event.type === 'wake') say(describeEvent(event))
  })
  if (started.portWasTaken) say(`port ${settings.port} is taken, so the database is at ${started.port}`)
  started.exited.then(() => {
    say('the database ended without being asked to')
    stop(1)
  })
  return started.url
}

async function migrate(databaseUrl: string) {
  const { applied } = await applyMigrations({ url: databaseUrl, folder: MIGRATIONS })
  for (const name of applied) say(`applied    ${name}`)
}

/** Resolves with its URL when it listens for the first time. */
function startService(env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise(resolve => {
    let hasListened = false
    service = runService({
      env,
      watched: SOURCE,
      onListening: url => {
        hasListened = true
        resolve(url)
      },
      onReload: file => say(`${file} changed: starting again`),
      onExit: () => {
        if (!hasListened) stop(1)
        else say('the service ended; a change in src starts it again')
      }
    })
  })
}

async function stop(code: number) {
  await frontend?.close()
  await service?.stop()
  await neon?.close()
  process.exit(code)
}

function say(line: string) {
  process.stdout.write(`${line}\n`)
}
