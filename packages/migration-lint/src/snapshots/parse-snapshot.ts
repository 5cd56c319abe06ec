/**
 * Reads one snapshot of drizzle-kit, of either line.
 */
import type { Static, TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'

/** Undefined for what is no JSON, or not of this shape. */
export function parseSnapshot<Shape extends TSchema>(shape: Shape, text = ''): Static<Shape> | undefined {
  try {
    const snapshot: unknown = JSON.parse(text)
    return Value.Check(shape, snapshot) ? snapshot : undefined
  } catch {
    return undefined
  }
}
