/** An object by its names: neither null nor a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Throws for what is no object. */
export function recordOf(value: unknown): Record<string, unknown> {
  if (isRecord(value)) return value
  throw new TypeError('not an object')
}

/** Throws for what is no text. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  throw new TypeError('not a text')
}
