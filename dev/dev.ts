/**
 * `npm run dev`: a database on this machine unless DATABASE_URL names one, its
 * migrations, the service and the frontend with reload.
 */
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { redact } from 'fastify-neon/connection-string'
import { describeEvent, type LocalNeon, startLocalNeon } from 'local-neon'
import { type LocalSettings, localSettings, onStopSignal, startOrJoin } from 'local-neon/cli'
import type { Frontend } from '../frontend/development.ts'
import { migrate } from './migrations.ts'
import { takenPort } from './port.ts'
import { runService, type Service } from './service-process.ts'
import { type Issuer, openIssuer } from './token-issuer.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SOURCE = join(ROOT, 'src')
const MIGRATIONS = join(ROOT, 'drizzle')
const TOKEN_LIFETIME = '8h'

/* c8 ignore start -- runs in the process of npm run dev (test/dev/dev.test.ts, test/soak/dev.soak.ts), whose coverage is not always kept */

let neon: Pick<LocalNeon, 'close' | 'consoleUrl'> | undefined
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
  const databaseUrl = given ? given : await openDatabase(settings)
  // Before the service starts, whose log would begin with what is missing. A database that was given may be in use,
  // and is somebody else's to migrate.
  if (!given) await applyPending(databaseUrl)
  const issuer = process.env.AUTH_ISSUER ? undefined : await openIssuer(settings.directory)
  const origins = await openFrontend(issuer)
  const taken = await takenPort(process.env)
  const env = {
    DATABASE_ERROR_DETAILS: 'on',
    // The owner of a local database is exempt from its policies, as that of the Neon console is.
    ISOLATION_WARNING_LEVEL: 'info',
    ...process.env,
    ...issuer?.settings,
    ...(taken && { PORT: '0' }),
    DATABASE_URL: databaseUrl,
    CORS_ORIGINS: [process.env.CORS_ORIGINS, ...origins].filter(Boolean).join()
  }
  const url = await startService(env, async () => {
    if (given) say('drizzle/ has changed: npm run db:migrate applies it to the database of DATABASE_URL')
    else await applyPending(databaseUrl)
  })
  serviceUrl = url

  const token = await issuer?.sign('alice', TOKEN_LIFETIME)
  if (taken) say(`port ${taken} is taken, so the service is at another one; PORT=… chooses it`)
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

/** That of this project: started, or shared with the process that has started it. */
async function openDatabase(settings: LocalSettings): Promise<string> {
  const opened = await startOrJoin(settings, () => startLocalNeon({ ...settings, log: say }))
  neon = opened
  opened.observe(event => {
    if (event.type === 'suspend' || event.type === 'wake') say(describeEvent(event))
  })
  if ('startedBy' in opened) say(`the database runs already, started by pid ${opened.startedBy}`)
  else if (opened.portWasTaken) say(`port ${settings.port} is taken, so the database is at ${opened.port}`)
  opened.exited.then(() => {
    if ('startedBy' in opened) say(`the database was ended by pid ${opened.startedBy}, which had started it`)
    else say('the database ended without being asked to')
    stop(1)
  })
  return opened.url
}

async function applyPending(databaseUrl: string) {
  for (const line of await migrate(databaseUrl, MIGRATIONS)) say(line)
}

/** Resolves with its URL when it listens for the first time. */
function startService(env: NodeJS.ProcessEnv, onNewMigrations: () => Promise<void>): Promise<string> {
  return new Promise(resolve => {
    let hasListened = false
    service = runService({
      env,
      watched: [SOURCE, MIGRATIONS],
      onListening: url => {
        hasListened = true
        resolve(url)
      },
      onReload: async files => {
        say(`${relative(ROOT, `${files[0]}`)} changed: starting again`)
        if (files.some(file => file.startsWith(MIGRATIONS))) await onNewMigrations()
      },
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
