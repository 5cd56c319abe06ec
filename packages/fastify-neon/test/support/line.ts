/**
 * What tests write in another way for Drizzle 1.0 than for 0.4x. `npm run test:weekly` runs them with each.
 */
import * as drizzle from 'drizzle-orm'

/** Picks by the Drizzle that runs; the types are those of the one that is installed. */
export function byLine<T>({ v0, v1 }: { v0: () => T; v1: () => unknown }): T {
  return isLine1() ? (v1() as T) : v0()
}

export function isLine1(): boolean {
  return defineRelations !== undefined
}

/** What is no table among them does not matter. */
type Tables = Record<string, unknown>

const defineRelations: ((tables: Tables, relations?: (r: never) => object) => object) | undefined =
  Reflect.get(drizzle, 'defineRelations')

/** Tables as Drizzle is told of them. */
export function toldOf<T extends Tables>(schema: T): { schema: T } {
  return byLine({ v0: () => ({ schema }), v1: () => ({ relations: defineRelations?.(schema) }) })
}
