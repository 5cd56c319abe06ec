/**
 * Owns the page: asks for the next view again and again, and hands it to the parts that show it.
 *
 * @import { PastEvent, Period } from '../src/console/history.ts'
 * @import { ConsoleView } from '../src/console/view.ts'
 */
import { RequestError, readView } from './api.js'
import { showCompute } from './compute.js'
import { find, setText } from './dom.js'
import { showEvents } from './events.js'
import { offerFaults, showFaults } from './faults.js'
import { showMeter } from './meter.js'
import { showSessions } from './sessions.js'
import { showTimeline } from './timeline.js'

/** However much happens, the page is drawn so often at most. */
const GAP_MS = 100
const RETRY_MS = 1000
const MAX_EVENTS = 500
const UNAUTHORIZED = 401

const problem = find('problem', HTMLElement)

/** @type {ConsoleView | undefined} */
let last
/** @type {Period[]} */
let periods = []
/** @type {PastEvent[]} */
let events = []

for (;;) {
  await untilVisible()
  await sleep(await next())
}

/** Resolves with the time to wait before the one after it. */
async function next() {
  /** @type {ConsoleView} */
  let view
  try {
    view = await readView(last)
    await offerFaults()
  } catch (error) {
    setText(problem, textOf(error))
    document.body.classList.add('stale')
    return RETRY_MS
  }
  setText(problem, '')
  document.body.classList.remove('stale')
  show(view)
  return GAP_MS
}

/** @param {ConsoleView} view */
function show(view) {
  const isSameRun = view.boot === last?.boot
  periods = isSameRun ? [...periods, ...view.periods] : view.periods
  events = (isSameRun ? [...events, ...view.events] : view.events).slice(-MAX_EVENTS)
  last = view
  document.title = `${view.state} · Local Neon`
  showCompute(view)
  periods = showTimeline(view, periods, events)
  showMeter(view)
  showSessions(view)
  showFaults(view)
  showEvents(events)
}

/** @param {unknown} error */
function textOf(error) {
  if (!(error instanceof RequestError))
    return 'Local Neon does not answer. This page goes on when it runs again.'
  if (error.status !== UNAUTHORIZED) return error.message
  return 'This page has no valid token. Open the URL that local Neon printed at its start, or that “npx local-neon console” prints.'
}

/** Nobody is asked for a page in the background. */
function untilVisible() {
  return new Promise(resolve => {
    const check = () => {
      if (document.visibilityState !== 'visible') return
      document.removeEventListener('visibilitychange', check)
      resolve(undefined)
    }
    document.addEventListener('visibilitychange', check)
    check()
  })
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}
