/**
 * Owns the picture of the last hour: what state the compute was in, and when something went wrong. A unit of it is a second.
 *
 * @import { PastEvent, Period } from '../src/console/history.ts'
 * @import { ConsoleView } from '../src/console/view.ts'
 */
import { find, keyOfPast, setAttributes, setText, showItems, svgElement } from './dom.js'
import { duration, timeOfDay } from './format.js'

const HOUR_SECONDS = 3600
const SECOND_MS = 1000
const HEIGHT = 60
const MARK_HEIGHT = 22
const MARK_WIDTH = 8
/** A wake of half a second is to be seen as well. */
const MIN_WIDTH = 6
const TROUBLE = ['fault', 'refused', 'no wake']

const chart = find('chart', SVGSVGElement)
const summary = find('summary', HTMLElement)
const states = chart.appendChild(svgElement('g', {}))
const marks = chart.appendChild(svgElement('g', {}))

/**
 * Answers the periods that reach into the last hour.
 * @param {ConsoleView} view
 * @param {Period[]} periods
 * @param {PastEvent[]} events
 * @returns {Period[]}
 */
export function showTimeline({ nowMs, meter }, periods, events) {
  const secondOf = (/** @type {number} */ atMs) =>
    Math.min(HOUR_SECONDS, Math.max(0, HOUR_SECONDS - (nowMs - atMs) / SECOND_MS))
  const endOf = (/** @type {number} */ index) => secondOf(periods[index + 1]?.atMs ?? nowMs)
  const bars = periods
    .map((period, index) => ({ ...period, x: secondOf(period.atMs), end: endOf(index) }))
    .filter(({ end }, index) => end > 0 || index === periods.length - 1)

  showItems(states, bars, {
    keyOf: keyOfPast,
    create: ({ state, atMs }) =>
      titled(svgElement('rect', { y: 0, height: HEIGHT, class: state }), state, atMs),
    update(rect, { x, end, state }) {
      const width = Math.max(end - x, state === 'waking' ? MIN_WIDTH : 0)
      // Over what was before, which is drawn before.
      setAttributes(rect, { x: end - width, width })
    }
  })
  showItems(
    marks,
    events.filter(({ label }) => TROUBLE.includes(label)),
    {
      keyOf: keyOfPast,
      create: ({ label, text, atMs }) =>
        titled(
          svgElement('rect', {
            y: HEIGHT - MARK_HEIGHT,
            height: MARK_HEIGHT,
            width: MARK_WIDTH,
            class: 'trouble'
          }),
          `${label}: ${text}`,
          atMs
        ),
      update: (rect, { atMs }) => setAttributes(rect, { x: secondOf(atMs) - MARK_WIDTH })
    }
  )

  const awake = bars.filter(({ state }) => state !== 'asleep').reduce((sum, { x, end }) => sum + end - x, 0)
  const wakes = meter.wakes === 1 ? '1 wake' : `${meter.wakes} wakes`
  setText(summary, `Awake for ${duration(awake)} of the last hour. ${wakes} since the start.`)
  return bars
}

/**
 * @param {SVGRectElement} rect
 * @param {string} text
 * @param {number} atMs
 */
function titled(rect, text, atMs) {
  const title = svgElement('title', {})
  title.textContent = `${text}, ${timeOfDay(atMs)}`
  rect.append(title)
  return rect
}
