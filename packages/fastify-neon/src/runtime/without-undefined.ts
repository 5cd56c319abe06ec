/** What is given as undefined counts as not given. */
export function withoutUndefined<T extends object>(given: T): { [K in keyof T]?: NonNullable<T[K]> }
export function withoutUndefined(given: object): object {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
