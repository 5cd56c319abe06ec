/**
 * Owns the short text of a message of the server: its letter, and what of its body is compared.
 */

/** Severity, SQLSTATE and message, and the others that are shown where they are there. */
const ERROR_FIELDS = ['S', 'V', 'C', 'M', 'D', 'H', 'P']
const SHOWN_CHARACTERS = 60

export function textOf(type: string, body: Buffer): string {
  switch (type) {
    case 'byte':
      return `byte ${body}`
    case 'E':
    case 'N':
      return `${type}{${fieldsIn(body)}}`
    case 'R':
      return `R${body.readInt32BE()}`
    case 'S':
      return `S(${String(body).replaceAll('\0', '=').slice(0, -1)})`
    case 'Z':
      return `Z${body}`
    case 'C':
      return `C(${String(body).slice(0, -1)})`
    case 'D':
      return `D${JSON.stringify(valuesIn(body))}`
    default:
      return type
  }
}

function fieldsIn(body: Buffer): string {
  const fields = new Map(
    String(body)
      .split('\0')
      .filter(Boolean)
      .map(field => [field.slice(0, 1), field.slice(1)])
  )
  return ERROR_FIELDS.filter(name => fields.has(name))
    .map(name => `${name}=${fields.get(name)}`)
    .join(' ')
}

function valuesIn(body: Buffer): (string | null)[] {
  const values: (string | null)[] = []
  let at = 2
  for (let left = body.readInt16BE(); left > 0; left -= 1) {
    const bytes = body.readInt32BE(at)
    at += 4
    values.push(bytes < 0 ? null : body.toString('utf8', at, at + Math.min(bytes, SHOWN_CHARACTERS)))
    at += Math.max(bytes, 0)
  }
  return values
}
