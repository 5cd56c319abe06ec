/**
 * Owns the list of events, the latest first.
 *
 * @import { PastEvent } from '../src/console/history.ts'
 */
import { element, find, keyOfPast, showItems } from './dom.js'
import { timeOfDay } from './format.js'

const list = find('event-list', HTMLElement)
const none = find('no-events', HTMLElement)

/** @param {PastEvent[]} events */
export function showEvents(events) {
  showItems(list, events.toReversed(), {
    keyOf: keyOfPast,
    create: ({ atMs, label, text }) =>
      element(
        'li',
        {},
        element('time', {}, timeOfDay(atMs)),
        ' ',
        element('b', {}, label),
        ' ',
        element('span', {}, text)
      )
  })
  none.hidden = events.length > 0
}
