/**
 * What a log, JSON or a console shows of an object that holds connections: an allow-list,
 * because its fields lead to the settings of the driver and to what is under way.
 */
import { inspect } from 'node:util'

/** Shows these facts in place of the fields of the object. */
export function printAs(object: object, facts: () => Record<string, unknown>): void {
  const property = { value: facts, enumerable: false }
  Object.defineProperties(object, { toJSON: property, [inspect.custom]: property })
}
