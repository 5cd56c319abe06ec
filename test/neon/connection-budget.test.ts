import t from 'tap'
import {
  type BudgetOptions,
  connectionBudget,
  type Fleet,
  maxConnectionsOf,
  poolerSessionsOf
} from '../../src/neon/connection-budget.ts'
import { POOL_DEFAULTS } from '../../src/neon/pool-limits.ts'

const fixed = (units: number) => ({ minUnits: units, maxUnits: units })
const SMALLEST = fixed(0.25)
const FLEET: Fleet = { replicas: 7, surge: 1, terminating: 1, poolMax: 10, jobs: 1 }

const budgetOf = (fleet: Partial<Fleet>, options: Partial<Omit<BudgetOptions, 'fleet'>> = {}) =>
  connectionBudget({ compute: SMALLEST, isPooled: false, ...options, fleet: { ...FLEET, ...fleet } })

t.test('max_connections of a compute', async t => {
  t.test('is what the documentation of Neon lists for its size', async t => {
    const listed = {
      0.25: 104,
      0.5: 209,
      1: 419,
      2: 839,
      3: 1258,
      4: 1678,
      5: 2098,
      6: 2517,
      7: 2937,
      8: 3357,
      10: 4000,
      56: 4000
    }

    for (const [units, connections] of Object.entries(listed)) {
      t.equal(maxConnectionsOf(fixed(Number(units))), connections, `${units} CU`)
    }
  })

  t.test('is that of the largest size when it scales, up to eight times the smallest', async t => {
    t.equal(maxConnectionsOf({ minUnits: 0.25, maxUnits: 1 }), 419)
    t.equal(maxConnectionsOf({ minUnits: 0.25, maxUnits: 2 }), 839)
    t.equal(maxConnectionsOf({ minUnits: 0.25, maxUnits: 8 }), 839)
    t.equal(maxConnectionsOf({ minUnits: 2, maxUnits: 8 }), 3357)
  })

  t.test('is never below a hundred', async t => {
    t.equal(maxConnectionsOf(fixed(0.1)), 100)
  })
})

t.test('the budget of connections', async t => {
  t.test('counts every pod that can be there at once, and migrations beside them', async t => {
    const { pods, limits } = budgetOf({})

    t.equal(pods, 9)
    t.strictSame(limits, [{ what: 'sessions', needed: 91, available: 97 }])
  })

  t.test('fits to the last connection and not one further', async t => {
    t.equal(budgetOf({ jobs: 7 }).fits, true)
    t.equal(budgetOf({ jobs: 8 }).fits, false)
  })

  t.test('has room for nine pods of the default pool on the smallest compute', async t => {
    const alone = { surge: 0, terminating: 0, jobs: 0, poolMax: POOL_DEFAULTS.max }

    t.equal(budgetOf(alone).largestReplicas, 9)
  })

  t.test('names the largest pool and the most replicas with which the rest fits', async t => {
    const budget = budgetOf({ replicas: 10 })

    t.match(budget, { fits: false, largestPoolMax: 8, largestReplicas: 7 })
    t.equal(budgetOf({ replicas: 10, poolMax: 8 }).fits, true)
    t.equal(budgetOf({ replicas: 10, poolMax: 9 }).fits, false)
    t.equal(budgetOf({ replicas: 8 }).fits, false)
  })

  t.test('names the smallest compute that fits, or none', async t => {
    t.equal(budgetOf({ replicas: 10 }).smallestUnits, 0.5)
    t.equal(budgetOf({ replicas: 100, poolMax: 39 }).smallestUnits, 10)
    t.equal(budgetOf({ replicas: 100, poolMax: 40 }).smallestUnits, undefined)
  })

  t.test('says 0 where not even one would fit', async t => {
    t.match(budgetOf({ jobs: 97 }), { fits: false, largestPoolMax: 0, largestReplicas: 0 })
  })
})

t.test('the budget of connections behind the pooler', async t => {
  t.test('counts clients of the pooler, and no more sessions than it opens', async t => {
    const { limits } = budgetOf({ replicas: 100 }, { isPooled: true })

    t.equal(poolerSessionsOf(SMALLEST), 93)
    t.strictSame(limits, [
      { what: 'pooler clients', needed: 1020, available: 10_000 },
      { what: 'sessions', needed: 94, available: 97 }
    ])
  })

  t.test('counts what the pods have when the pooler may open more', async t => {
    t.match(budgetOf({ replicas: 1 }, { isPooled: true }).limits, [{ needed: 30 }, { needed: 31 }])
  })

  t.test('does not fit with more clients than the pooler takes', async t => {
    const budget = budgetOf({ replicas: 999, surge: 1, terminating: 0, poolMax: 11 }, { isPooled: true })

    t.match(budget, { fits: false, largestPoolMax: 10, smallestUnits: undefined })
  })

  t.test('does not fit with more migrations than the pooler leaves room for', async t => {
    t.equal(budgetOf({ replicas: 100, jobs: 4 }, { isPooled: true }).fits, true)
    t.match(budgetOf({ replicas: 100, jobs: 5 }, { isPooled: true }), { fits: false, largestPoolMax: 0 })
  })
})
