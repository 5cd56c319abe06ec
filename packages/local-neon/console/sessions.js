/**
 * Owns the list of sessions, each with its statement and a button to end it.
 *
 * @import { ActiveSession } from '../src/console/sessions.ts'
 * @import { ConsoleView } from '../src/console/view.ts'
 */
import { act } from './action.js'
import { endSession } from './api.js'
import { element, find, setText, showItems } from './dom.js'
import { duration } from './format.js'

const SECOND_MS = 1000

const list = find('session-list', HTMLElement)
const none = find('no-sessions', HTMLElement)

/** @param {ConsoleView} view */
export function showSessions({ sessions, state }) {
  showItems(list, sessions ?? [], { keyOf: ({ processId }) => String(processId), create: card, update })
  setText(none, sessions === undefined && state === 'awake' ? 'Postgres does not answer.' : 'None')
  none.hidden = (sessions ?? []).length > 0
}

/** @param {ActiveSession} session */
function card({ processId }) {
  const button = element('button', { type: 'button' }, 'End')
  button.setAttribute('aria-label', `End session ${processId}`)
  button.addEventListener('click', () => act(button, () => endSession(processId)))
  return element(
    'li',
    {},
    element('p', { className: 'head' }, element('b', {}, String(processId)), ' ', element('span')),
    element('p', { className: 'session-state' }),
    element('code'),
    button
  )
}

/**
 * @param {HTMLElement} card
 * @param {ActiveSession} session
 */
function update(card, { user, database, applicationName, state, sinceMs, statement }) {
  const head = card.querySelector('.head span')
  const stateText = card.querySelector('.session-state')
  const code = card.querySelector('code')
  const name = applicationName === '' ? '' : `, ${applicationName}`
  if (head) setText(head, `${user} to ${database}${name}`)
  if (stateText) setText(stateText, `${state} for ${duration(sinceMs / SECOND_MS)}`)
  if (code) setText(code, statement)
  card.className = state === 'idle' ? 'idle' : 'busy'
}
