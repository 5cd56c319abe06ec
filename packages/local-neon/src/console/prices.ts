/**
 * Owns what the time awake would cost on Neon.
 */

export const PRICES = {
  source: 'https://neon.com/docs/introduction/plans',
  asOf: '2026-11-12',
  /** The smallest compute, in compute units (CU). A larger one costs in proportion. */
  computeUnits: 0.25,
  freeUnitHoursPerMonth: 100,
  plans: [
    { name: 'Launch', dollarsPerUnitHour: 0.106 },
    { name: 'Scale', dollarsPerUnitHour: 0.222 }
  ]
} as const

export interface Cost {
  /** CU-hours so far. */
  unitHours: number
  /** CU-hours of 30 days that are like the time so far. */
  monthUnitHours: number
  plans: Array<{ name: string; dollars: number; monthDollars: number }>
  prices: typeof PRICES
}

const HOUR_SECONDS = 3600
const MONTH_HOURS = 30 * 24

/** Compute alone: storage, history and traffic are not measured here. */
export function costOf(awakeSeconds: number, uptimeSeconds: number): Cost {
  const unitHours = (awakeSeconds / HOUR_SECONDS) * PRICES.computeUnits
  const awakeShare = uptimeSeconds > 0 ? Math.min(1, awakeSeconds / uptimeSeconds) : 0
  const monthUnitHours = awakeShare * MONTH_HOURS * PRICES.computeUnits
  const plans = PRICES.plans.map(({ name, dollarsPerUnitHour }) => ({
    name,
    dollars: unitHours * dollarsPerUnitHour,
    monthDollars: monthUnitHours * dollarsPerUnitHour
  }))
  return { unitHours, monthUnitHours, plans, prices: PRICES }
}
