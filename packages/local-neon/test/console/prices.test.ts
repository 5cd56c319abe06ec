import t from 'tap'
import { costOf, PRICES } from '../../src/console/prices.ts'

const HOUR = 3600

t.test('the cost', async t => {
  t.test('is that of the smallest compute for the time awake', async t => {
    const { unitHours, plans } = costOf(4 * HOUR, 8 * HOUR)

    t.equal(unitHours, 1)
    t.match(plans, [
      { name: 'Launch', dollars: 0.106 },
      { name: 'Scale', dollars: 0.222 }
    ])
  })

  t.test('of a month has the share of time awake so far', async t => {
    const { monthUnitHours, plans } = costOf(HOUR, 2 * HOUR)

    t.equal(monthUnitHours, 90)
    t.equal(plans[0]?.monthDollars, 90 * 0.106)
  })

  t.test('is nothing at the very beginning, and never more than that of a whole month', async t => {
    t.equal(costOf(0, 0).monthUnitHours, 0)
    t.equal(costOf(HOUR + 1, HOUR).monthUnitHours, 180)
  })

  t.test('names the source of its prices, and their date', async t => {
    t.match(PRICES, { source: /^https:\/\/neon\.com\//, asOf: /^\d{4}-\d\d-\d\d$/ })
  })
})
