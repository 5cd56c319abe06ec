/**
 * What `npx fastify-neon doctor` does, but for the process around it: looks at everything between this machine and the
 * rows, step by step, and says of each what was found and what to do.
 */
import { openSession, type Session } from '../../client/single-session.ts'
import { type ConnectionUrl, verifyConnectionUrl } from '../../connection-string/connection-url.ts'
import { driverPort } from '../../connection-string/host.ts'
import { redact } from '../../connection-string/redact.ts'
import { NO_ROLE } from '../audit/audit-options.ts'
import { runCommand } from '../command.ts'
import { milliseconds, parse } from '../migration-options.ts'
import { messageOf } from '../migration-report.ts'
import { type Terminal, toJson } from '../terminal.ts'
import { DATABASE_STEPS, SERVER } from './database-steps.ts'
import { NETWORK_STEPS } from './network-steps.ts'
import { ISSUER_STEP, MIGRATIONS_STEP } from './project-steps.ts'
import { type Finding, failed, type LoggedIn, ok, type Patient, type Step, warning } from './step.ts'

/** When a step has failed; beside those of docs/reference/migrations.md. */
export const FAILED_EXIT_CODE = 40

const USAGE = `npx fastify-neon doctor [options]

Looks at the connection string, the way to the database, the login, the server, the migrations, row-level security and
the keys of the issuer. It changes nothing, and wakes the database.

  --folder DIR       where drizzle-kit writes migrations. Default: drizzle
  --role NAME        role that transactions switch to. Default: DATABASE_ROLE
  --timeout-ms N     longest time of a step. Default: 10000
  --json             one JSON document in place of lines

It reads DATABASE_URL and AUTH_JWKS_URL, also from the file .env. Exit code 0: nothing has failed; 40: something has; 2: usage
error.`

const TEXT = { type: 'string' } as const
const SWITCH = { type: 'boolean', default: false } as const

const MARKS = { ok: '✓', warning: '!', failed: '✗', skipped: '-' } as const

const TIMEOUT_MS = 10_000

interface Asked extends Omit<Patient, 'url' | 'port'> {
  isJson: boolean
}

interface Result extends Finding {
  step: string
  tookMs: number
}

/** Resolves with the exit code. */
export function doctor(args: string[], terminal: Terminal): Promise<number> {
  const read = () => readCommand(args, terminal.env)
  return runCommand({ usage: USAGE, read, run: asked => examine(asked, terminal) }, terminal)
}

function readCommand(args: string[], env: NodeJS.ProcessEnv): Asked | undefined {
  const values = parse(args, {
    folder: { ...TEXT, default: 'drizzle' },
    role: TEXT,
    'timeout-ms': TEXT,
    json: SWITCH,
    help: SWITCH
  })
  if (values.help) return undefined
  const { AUTH_JWKS_URL: jwks, DATABASE_ROLE } = env
  const role = values.role ?? DATABASE_ROLE
  return {
    folder: values.folder,
    role: role === NO_ROLE || role === '' ? undefined : role,
    timeoutMs: milliseconds('--timeout-ms', values['timeout-ms']) ?? TIMEOUT_MS,
    jwksUrl: jwks ? new URL(jwks) : undefined,
    isJson: values.json
  }
}

async function examine({ isJson, ...asked }: Asked, { env, print }: Terminal): Promise<number> {
  const results: Result[] = []
  let session: Session | undefined
  const tell = isJson ? () => {} : print
  try {
    const url = await look('connection string', async () => findingsOf(env.DATABASE_URL))
    if (url) await lookFurther({ ...asked, url, port: driverPort(url) })
  } finally {
    await session?.close()
  }
  const exitCode = results.some(({ state }) => state === 'failed') ? FAILED_EXIT_CODE : 0
  if (isJson) print(toJson({ steps: results, exitCode }))
  return exitCode

  async function lookFurther(patient: Patient) {
    const isReached = await lookInTurn(NETWORK_STEPS, patient)
    const loggedIn = isReached ? await look('login', () => logIn(patient)) : undefined
    if (loggedIn) {
      for (const step of DATABASE_STEPS) await lookAt(step, loggedIn)
      await lookAt(MIGRATIONS_STEP, patient)
    }
    await lookAt(ISSUER_STEP, patient)
  }

  /** The time of a wake is in it. */
  async function logIn(patient: Patient): Promise<{ finding: Finding; value: LoggedIn }> {
    const { url, timeoutMs: answerTimeoutMs } = patient
    const startedAt = performance.now()
    const opened = await openSession({ url, applicationName: 'fastify-neon-doctor', answerTimeoutMs })
    session = opened
    const loginMs = performance.now() - startedAt
    const server = Object.assign({}, ...(await opened.query(SERVER)))
    // Its server has started since.
    const hasWoken = server.uptimeMs < performance.now() - startedAt
    return {
      finding: ok(`as ${url.user}`),
      value: { ...patient, session: opened, loginMs, hasWoken, server }
    }
  }

  /** False as soon as one has failed. */
  async function lookInTurn(steps: readonly Step[], patient: Patient): Promise<boolean> {
    for (const step of steps) if (!(await lookAt(step, patient))) return false
    return true
  }

  async function lookAt<P>(step: Step<P>, patient: P): Promise<boolean> {
    const isDone = await look(step.name, async () => ({ finding: await step.look(patient), value: true }))
    return isDone === true
  }

  /** What the step gives to those behind it; undefined when it has failed. */
  async function look<T>(
    step: string,
    work: () => Promise<{ finding: Finding; value: T | undefined }>
  ): Promise<T | undefined> {
    const startedAt = performance.now()
    const { finding, value } = await work().catch((error: unknown) => ({
      finding: failed(redact(messageOf(error)), ''),
      value: undefined
    }))
    const result = { step, tookMs: Math.round(performance.now() - startedAt), ...finding }
    results.push(result)
    tell(linesOf(result))
    return finding.state === 'failed' ? undefined : value
  }
}

async function findingsOf(
  value: string | undefined
): Promise<{ finding: Finding; value: ConnectionUrl | undefined }> {
  const { connection, findings } = verifyConnectionUrl(value)
  const [first] = findings.filter(({ severity }) => severity === (connection ? 'warning' : 'error'))
  if (connection === undefined)
    return { finding: failed(`${first?.message}`, `${first?.fix}`), value: undefined }
  const { user, host, database, isPooled } = connection
  const text = `${user} at ${host}, database ${database}, ${isPooled ? 'pooled' : 'direct'}`
  const finding = first ? warning(`${text}; ${first.message}`, first.fix) : ok(text)
  return { finding, value: connection }
}

function linesOf({ step, state, tookMs, text, todo }: Result): string {
  const line = `${MARKS[state]} ${step.padEnd(20)}${`${tookMs} ms`.padStart(8)}  ${text}`
  return todo ? `${line}\n${' '.repeat(32)}${todo}` : line
}
