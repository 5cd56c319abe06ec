/**
 * What a log, JSON or a console shows of an object that holds connections: an allow-list,
 * because its fields lead to the settings of the driver and to what is under way.
 */
import { inspect } from 'node:util'

/** Shows these facts in place of the fields of the object, or of each that has it as its prototype. */
export function printAs(object: object, factsOf: (shown: object) => Record<string, unknown>): void {
  const property = {
    value(this: object) {
      return factsOf(this)
    },
    enumerable: false
  }
  Object.defineProperties(object, { toJSON: property, [inspect.custom]: property })
}
