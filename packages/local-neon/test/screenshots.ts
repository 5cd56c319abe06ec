/**
 * `npm run screenshots`: makes the pictures of the console in docs/ again, of an hour that is made up.
 */
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { openBrowser } from '../../../test/support/browser.ts'
import type { ComputeState } from '../src/compute.ts'
import { openFakeConsole } from './fixtures/console-page.ts'

const FOLDER = fileURLToPath(new URL('../../../docs/reference/console/', import.meta.url))
const MINUTE_MS = 60_000
const DESKTOP = { width: 1100, height: 800 }
const PHONE = { width: 390, height: 844 }

/** Minutes ago, and what began then. */
const HOUR: Array<[number, ComputeState]> = [
  [57, 'waking'],
  [56.99, 'awake'],
  [49, 'asleep'],
  [38, 'waking'],
  [37.99, 'awake'],
  [24, 'asleep'],
  [19, 'waking'],
  [18.99, 'awake'],
  [13.5, 'asleep'],
  [6, 'waking'],
  [5.99, 'awake']
]

const LOGIN = {
  type: 'login',
  transport: 'ws',
  endpoint: 'ep-local',
  isPooled: false,
  user: 'neondb_owner',
  database: 'neondb',
  applicationName: 'tasks'
} as const

const ends: Array<() => unknown> = []
const t = { teardown: (end: () => unknown) => void ends.unshift(end) }
try {
  const beganMs = Date.now()
  let nowMs = beganMs
  const { history, faults, clock, consoleUrl } = await openFakeConsole(t, {
    now: () => nowMs,
    meter: { awakeSeconds: 2012, wakes: 3, sessions: 31, queries: 1204 },
    sleepsInMs: 272_000,
    sessions: [
      session({
        sinceMs: 28_000,
        statement: 'select "id", "title" from "tasks" order by "created_at" limit $1'
      }),
      session({ processId: 4713, sinceMs: 28_000, statement: 'COMMIT' }),
      session({
        processId: 4720,
        user: 'app_user',
        applicationName: 'psql',
        sinceMs: 61_000,
        statement: 'SELECT 1'
      })
    ]
  })
  for (const [minutesAgo, state] of HOUR) {
    nowMs = beganMs - minutesAgo * MINUTE_MS
    history.onState(state)
    if (state === 'asleep') history.onEvent({ type: 'suspend', reason: 'idle' })
    if (state !== 'awake') continue
    history.onEvent({ type: 'wake', tookMs: 300 + minutesAgo })
    for (const processId of [4711, 4713]) history.onEvent({ ...LOGIN, processId })
  }
  const { id } = faults.inject({ type: 'login', message: 'too-many-connections', times: 3 })
  faults.inject({ type: 'latency', toServerMs: 20, toClientMs: 20, connections: 'new' })
  nowMs = beganMs - MINUTE_MS
  faults.meet('login', { facts: {}, ticket: faults.ticket() })
  history.onEvent({ type: 'fault', fault: 'login', id, hits: 1 })
  history.onEvent({
    type: 'login-refused',
    message: 'Too many connections to this endpoint. Please try again later.'
  })
  nowMs = beganMs
  await clock.advance(57 * MINUTE_MS)

  await mkdir(FOLDER, { recursive: true })
  const browser = await openBrowser(t)
  for (const [name, options] of Object.entries({
    light: { viewport: DESKTOP, colorScheme: 'light' },
    dark: { viewport: DESKTOP, colorScheme: 'dark' },
    phone: { viewport: PHONE, colorScheme: 'dark' }
  } as const)) {
    const page = await browser.newPage(options)
    await page.goto(consoleUrl)
    await page.locator('#session-list li').first().waitFor()
    await page.screenshot({ path: `${FOLDER}${name}.png`, fullPage: name !== 'phone' })
  }
} finally {
  for (const end of ends) await end()
}

function session(given: object) {
  return {
    processId: 4711,
    user: 'neondb_owner',
    database: 'neondb',
    applicationName: 'tasks',
    state: 'idle',
    sinceMs: 0,
    statement: '',
    ...given
  }
}
