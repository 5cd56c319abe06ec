/**
 * How what a migration makes is named, so that snapshots, statements and the catalog of a database can be compared.
 */

const MAX_NAME_BYTES = 63

/** Such as `table tasks` and `column tasks.done`; with a schema in front where it is not public. */
export type ObjectName = string

/** A switch of a table, which may be on before a migration turns it on. */
export function isRowSecurity(object: ObjectName): boolean {
  return object.startsWith('row-security ')
}

export function isTable(object: ObjectName): boolean {
  return object.startsWith('table ')
}

export function objectName(kind: string, ...parts: string[]): ObjectName {
  return `${kind} ${parts
    .filter((part, index) => part !== '' && !(index === 0 && part === 'public'))
    .map(asStored)
    .join('.')}`
}

/** Postgres cuts a name that is longer than 63 bytes. */
function asStored(name: string): string {
  return Buffer.byteLength(name) <= MAX_NAME_BYTES
    ? name
    : Buffer.from(name).subarray(0, MAX_NAME_BYTES).toString()
}
