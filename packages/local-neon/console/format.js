/**
 * Owns how numbers and times are written.
 */

const SECOND_MS = 1000
const MINUTE_SECONDS = 60
const HOUR_SECONDS = 3600

/**
 * What is left, as `4:32`; a second that has begun counts.
 * @param {number} ms
 */
export function clock(ms) {
  const seconds = Math.ceil(ms / SECOND_MS)
  return `${Math.floor(seconds / MINUTE_SECONDS)}:${String(seconds % MINUTE_SECONDS).padStart(2, '0')}`
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < MINUTE_SECONDS) return `${Math.floor(seconds)} s`
  if (seconds < HOUR_SECONDS)
    return `${Math.floor(seconds / MINUTE_SECONDS)} min ${Math.floor(seconds % MINUTE_SECONDS)} s`
  return `${Math.floor(seconds / HOUR_SECONDS)} h ${Math.floor((seconds % HOUR_SECONDS) / MINUTE_SECONDS)} min`
}

const WHOLE = new Intl.NumberFormat('en')
const UNITS = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })

/** @param {number} count */
export const number = count => WHOLE.format(count)

/** @param {number} count */
export const units = count => UNITS.format(count)

/**
 * With enough digits to see a fraction of a cent.
 * @param {number} amount
 */
export function dollars(amount) {
  return `$${amount.toFixed(amount > 0 && amount < 1 ? 4 : 2)}`
}

/** @param {number} atMs */
export function timeOfDay(atMs) {
  return new Date(atMs).toLocaleTimeString('en', { hour12: false })
}
