/**
 * Owns the meter, and what it comes to in money.
 *
 * @import { ConsoleView } from '../src/console/view.ts'
 */
import { element, find, setText, showItems } from './dom.js'
import { dollars, duration, number, units } from './format.js'

const readings = find('readings', HTMLElement)
const costs = find('costs', HTMLElement)
const prices = find('prices', HTMLElement)

/** @param {ConsoleView} view */
export function showMeter({ meter, uptimeSeconds, cost }) {
  const { unitHours, monthUnitHours, plans } = cost
  showRows(readings, [
    ['Awake', `${duration(meter.awakeSeconds)} of ${duration(uptimeSeconds)}`],
    ['Wakes', number(meter.wakes)],
    ['Sessions', number(meter.sessions)],
    ['Queries', number(meter.queries)],
    ['Compute', `${units(unitHours)} CU-hours`]
  ])
  const { freeUnitHoursPerMonth } = cost.prices
  showCosts([
    [
      'Free',
      `${units(unitHours)} of ${freeUnitHoursPerMonth} CU-hours`,
      `${units(monthUnitHours)} of ${freeUnitHoursPerMonth} CU-hours`
    ],
    ...plans.map(({ name, dollars: soFar, monthDollars }) => [name, dollars(soFar), dollars(monthDollars)])
  ])
  showPrices(cost.prices)
}

/**
 * @param {HTMLElement} list
 * @param {string[][]} rows
 */
function showRows(list, rows) {
  showItems(list, rows, {
    keyOf: ([name = '']) => name,
    create: ([name = '']) => element('div', {}, element('dt', {}, name), element('dd')),
    update: (row, [, text = '']) => row.lastElementChild && setText(row.lastElementChild, text)
  })
}

/** @param {string[][]} rows */
function showCosts(rows) {
  showItems(costs, rows, {
    keyOf: ([name = '']) => name,
    create: ([name = '']) =>
      element('tr', {}, element('th', { scope: 'row' }, name), element('td'), element('td')),
    update(row, [, soFar = '', month = '']) {
      const [first, second] = row.querySelectorAll('td')
      if (first && second) {
        setText(first, soFar)
        setText(second, month)
      }
    }
  })
}

/** @param {ConsoleView['cost']['prices']} prices */
function showPrices({ source, asOf, computeUnits, plans }) {
  if (prices.hasChildNodes()) return
  const rates = plans.map(({ name, dollarsPerUnitHour }) => `${name} $${dollarsPerUnitHour}`).join(', ')
  prices.append(
    `Compute alone, at ${computeUnits} CU, the smallest size. Per CU-hour: ${rates}. `,
    element('a', { href: source, rel: 'noreferrer', target: '_blank' }, 'Prices of Neon'),
    ` as of ${asOf}. Storage, history and traffic are not measured here.`
  )
}
