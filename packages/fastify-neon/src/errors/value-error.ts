/**
 * Errors of values that were thrown before anything was sent, such as by their `toPostgres`: faults of the application.
 */
const thrownByValues = new WeakSet<object>()

export function noteOfValue(error: object): void {
  thrownByValues.add(error)
}

export function isOfValue(error: object): boolean {
  return thrownByValues.has(error)
}
