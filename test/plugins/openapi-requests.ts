/**
 * Makes requests that an operation of an OpenAPI document allows, for fast-check.
 */
import fc from 'fast-check'

/** As much of JSON Schema as the document uses. */
export interface Schema {
  type?: string
  enum?: string[]
  pattern?: string
  minLength?: number
  maxLength?: number
  minProperties?: number
  properties?: Record<string, Schema>
  required?: string[]
}

interface Operation {
  parameters?: { in: string; name: string; required?: boolean; schema: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
}

export function requestsOf({ parameters = [], requestBody }: Operation) {
  const valuesIn = (place: string) => {
    const own = parameters.filter(parameter => parameter.in === place)
    return valuesOf({
      type: 'object',
      properties: Object.fromEntries(own.map(({ name, schema }) => [name, schema])),
      required: own.filter(({ required }) => required).map(({ name }) => name)
    }) as fc.Arbitrary<Record<string, string>>
  }
  const body = requestBody?.content['application/json']?.schema
  return fc.record({
    at: valuesIn('path'),
    query: valuesIn('query'),
    header: valuesIn('header'),
    body: (body === undefined ? fc.constant(undefined) : valuesOf(body)) as fc.Arbitrary<object | undefined>
  })
}

function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  const { type, enum: values, properties = {}, required = [], minProperties = 0 } = schema
  if (values) return fc.constantFrom(...values)
  if (type === 'boolean') return fc.boolean()
  if (type === 'string') return textsOf(schema)
  if (type !== 'object') throw new Error(`nobody has said how to make a ${type}`)
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, member]) => [name, valuesOf(member)])
  )
  return fc
    .record(members, { requiredKeys: required, noNullPrototype: true })
    .filter(value => Object.keys(value).length >= minProperties)
}

function textsOf({ pattern = '', minLength = 0, maxLength = Number.POSITIVE_INFINITY }: Schema) {
  return fc
    .stringMatching(new RegExp(pattern, 'u'))
    .filter(text => [...text].length >= minLength && [...text].length <= maxLength)
}
