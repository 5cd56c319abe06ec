/**
 * Owns the fields of a fault: made of the JSON schema that the fault is checked with.
 */
import { element } from './dom.js'

/**
 * @typedef {object} Schema
 * @property {string} [type]
 * @property {string} [description]
 * @property {number | string} [const]
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {Schema[]} [anyOf]
 * @property {string[]} [required]
 * @property {Record<string, Schema>} [properties]
 */

/** @typedef {{ anyOf: Array<Schema & { properties: Record<string, Schema> }> }} FaultUnion */

/**
 * @typedef {object} Fields
 * @property {Node[]} nodes
 * @property {() => Record<string, unknown>} read what was entered; a field that is empty has no member
 */

/**
 * @param {Array<[string, Schema]>} schemas
 * @param {readonly string[]} required
 * @param {readonly string[]} texts texts of Neon by their names
 * @returns {Fields}
 */
export function createFields(schemas, required, texts) {
  const fields = schemas.map(([name, schema]) =>
    schema.properties
      ? group(name, createFields(Object.entries(schema.properties), [], texts))
      : field(name, schema, required.includes(name), texts)
  )
  return {
    nodes: fields.map(({ node }) => node),
    read: () => Object.assign({}, ...fields.map(({ read }) => read()))
  }
}

/**
 * @param {string} name
 * @param {Fields} fields
 */
function group(name, { nodes, read }) {
  return {
    node: element('fieldset', {}, element('legend', {}, name), ...nodes),
    read() {
      const values = read()
      return Object.keys(values).length === 0 ? {} : { [name]: values }
    }
  }
}

/**
 * @param {string} name
 * @param {Schema} schema
 * @param {boolean} isRequired
 * @param {readonly string[]} texts
 */
function field(name, schema, isRequired, texts) {
  const options = (schema.anyOf ?? []).flatMap(option => option.const ?? [])
  const input = options.length > 0 ? choice(options, isRequired) : entry(schema, isRequired)
  input.id = `field-${name}`
  const label = element('label', { htmlFor: input.id }, name)
  const node = element('p', { className: 'field' }, label, input)
  if (name === 'message' && input instanceof HTMLInputElement) node.append(suggest(input, texts))
  return {
    node,
    read() {
      const { value } = input
      if (value === '') return {}
      const chosen = options.find(option => String(option) === value)
      return { [name]: chosen ?? (isNumber(schema) ? Number(value) : value) }
    }
  }
}

/**
 * @param {Array<string | number>} options
 * @param {boolean} isRequired
 */
function choice(options, isRequired) {
  const empty = isRequired ? [] : [new Option('', '')]
  return element('select', {}, ...empty, ...options.map(option => new Option(String(option))))
}

/**
 * @param {Schema} schema
 * @param {boolean} required
 */
function entry(schema, required) {
  if (!isNumber(schema)) return element('input', { type: 'text', required, autocomplete: 'off' })
  const input = element('input', { type: 'number', required, min: String(schema.minimum ?? 0), step: 'any' })
  if (schema.maximum !== undefined) input.max = String(schema.maximum)
  return input
}

/**
 * @param {HTMLInputElement} input
 * @param {readonly string[]} texts
 */
function suggest(input, texts) {
  const id = `${input.id}-texts`
  input.setAttribute('list', id)
  return element('datalist', { id }, ...texts.map(text => new Option('', text)))
}

/** @param {Schema} schema */
function isNumber({ type = '', anyOf = [] }) {
  return type === 'number' || type === 'integer' || anyOf.some(isNumber)
}
