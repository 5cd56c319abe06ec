/** A command of migrations was asked what cannot be answered, and how to ask so that it can. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
