/**
 * Owns the state of the compute, the countdown to its sleep, and the buttons that change it.
 *
 * @import { ConsoleView } from '../src/console/view.ts'
 */
import { act } from './action.js'
import { suspend, wake } from './api.js'
import { find, setText } from './dom.js'
import { clock } from './format.js'

const TICK_MS = 250

const state = find('state', HTMLElement)
const countdown = find('countdown', HTMLElement)
const suspendButton = find('suspend', HTMLButtonElement)
const wakeButton = find('wake', HTMLButtonElement)

/** @type {ConsoleView | undefined} */
let shown
let shownAtMs = 0

suspendButton.addEventListener('click', () => act(suspendButton, suspend))
wakeButton.addEventListener('click', () => act(wakeButton, wake))
setInterval(tick, TICK_MS)

/** @param {ConsoleView} view */
export function showCompute(view) {
  shown = view
  shownAtMs = performance.now()
  setText(state, view.state)
  state.className = view.state
  // Not `disabled`, which takes the focus away from who has just pressed it.
  suspendButton.setAttribute('aria-disabled', String(view.state !== 'awake'))
  wakeButton.setAttribute('aria-disabled', String(view.state !== 'asleep'))
  tick()
}

function tick() {
  if (shown) setText(countdown, textOf(shown))
}

/** @param {ConsoleView} view */
function textOf({ state, sleepsInMs, suspendAfterMs, sessions = [] }) {
  if (state === 'asleep') return 'The next login wakes it.'
  if (state !== 'awake') return ''
  if (suspendAfterMs === 0) return 'It never sleeps by itself.'
  if (sessions.some(({ state }) => state !== 'idle')) return 'A session that is not idle keeps it awake.'
  const leftMs = Math.max(0, (sleepsInMs ?? 0) - (performance.now() - shownAtMs))
  return `Sleeps in ${clock(leftMs)} if nothing happens.`
}
