/** The command was called with arguments that it cannot use. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
