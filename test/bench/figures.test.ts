import t from 'tap'
import { median, quantile, round, spread } from '../../bench/endpoint/figures.ts'

t.test('a quantile is the value at its share, and that of nothing is no number', async t => {
  t.equal(quantile([1, 2, 3, 4], 0.75), 4)
  t.equal(quantile([1, 2, 3, 4], 1), 4, 'the highest')
  t.equal(median([9, 1, 5]), 5)
  t.ok(Number.isNaN(median([])))
})

t.test('the spread is a share of the median', async t => {
  t.equal(spread([8, 10, 13]), 0.5)
})

t.test('a figure has so many digits behind its point', async t => {
  t.equal(round(1.2345, 2), 1.23)
  t.equal(round(9.5, 0), 10)
})
