/**
 * Owns the faults: those that are on, and the form that switches one on.
 *
 * @import { FaultView, ConsoleView } from '../src/console/view.ts'
 */
import { act } from './action.js'
import { readFaultTypes, switchOff, switchOn } from './api.js'
import { element, find, setText, showItems } from './dom.js'
import { createFields } from './fault-fields.js'
import { number } from './format.js'

/** What every fault takes; the rest is its own. */
const LIMITS = ['times', 'after', 'forMs', 'where']

const list = find('fault-list', HTMLElement)
const none = find('no-faults', HTMLElement)
const heal = find('heal', HTMLButtonElement)
const form = find('fault-form', HTMLFormElement)
const type = find('fault-type', HTMLSelectElement)
const description = find('fault-description', HTMLElement)
const ownFields = find('fault-fields', HTMLElement)
const limitFields = find('fault-limits', HTMLElement)

/** @type {() => Record<string, unknown>} */
let readForm = () => ({})
let isOffered = false

heal.addEventListener('click', async () => {
  await act(heal, () => switchOff())
  // The button goes with the faults.
  heal.closest('section')?.focus()
})
form.addEventListener('submit', event => {
  event.preventDefault()
  act(form, () => switchOn({ type: type.value, ...readForm() }))
})

/** Fills the form, once. */
export async function offerFaults() {
  if (isOffered) return
  const { schema, texts } = await readFaultTypes()
  isOffered = true
  const schemas = new Map(schema.anyOf.map(fault => [fault.properties.type?.const, fault]))
  type.replaceChildren(...[...schemas.keys()].map(name => new Option(String(name))))
  type.addEventListener('change', offer)
  offer()

  function offer() {
    const chosen = schemas.get(type.value)
    if (!chosen) return
    setText(description, chosen.description ?? '')
    const required = chosen.required ?? []
    const entries = Object.entries(chosen.properties).filter(([name]) => name !== 'type')
    const own = createFields(
      entries.filter(([name]) => !LIMITS.includes(name)),
      required,
      texts
    )
    const limits = createFields(
      entries.filter(([name]) => LIMITS.includes(name)),
      required,
      texts
    )
    ownFields.replaceChildren(...own.nodes)
    limitFields.replaceChildren(...limits.nodes)
    readForm = () => ({ ...own.read(), ...limits.read() })
  }
}

/** @param {ConsoleView} view */
export function showFaults({ faults }) {
  showItems(list, faults, {
    // An id comes again after a restart.
    keyOf: ({ id, fault }) => `${id} ${JSON.stringify(fault)}`,
    create: card,
    update(card, { hits, fault: { times } }) {
      const met = card.querySelector('.met')
      const spent = times !== undefined && hits >= times ? ', and is spent' : ''
      if (met) setText(met, `met ${number(hits)} ${hits === 1 ? 'time' : 'times'}${spent}`)
    }
  })
  none.hidden = faults.length > 0
  heal.hidden = faults.length < 2
}

/** @param {FaultView} fault */
function card({ id, fault }) {
  const { type, ...values } = fault
  const button = element('button', { type: 'button' }, 'Switch off')
  button.setAttribute('aria-label', `Switch off ${id}`)
  button.addEventListener('click', () => act(button, () => switchOff(id)))
  return element(
    'li',
    {},
    element('p', { className: 'head' }, element('b', {}, type), ` ${wordsOf(values)}`),
    element('p', { className: 'met' }),
    button
  )
}

/**
 * As the command line takes them.
 * @param {object} values
 * @param {string} [prefix]
 * @returns {string}
 */
function wordsOf(values, prefix = '') {
  return Object.entries(values)
    .map(([name, value]) =>
      typeof value === 'object' ? wordsOf(value, `${prefix}${name}.`) : `${prefix}${name}=${value}`
    )
    .join(' ')
}
