/**
 * Which changes of a column's type leave the rows as they are. PostgreSQL, ALTER TABLE: "if the old type is binary
 * coercible to the new type", and a text or number that may be longer than before.
 */
import type { ColumnDef, Node } from 'libpg-query'
import { textOf } from './actions.ts'

interface Type {
  name: string
  /** Length, or precision and scale. */
  sizes: number[]
}

const WRITTEN = /^(varchar|character varying|text|numeric|decimal)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?$/
const NAMES: Record<string, string> = { 'character varying': 'varchar', decimal: 'numeric' }

/** `before` as a snapshot of drizzle-kit has it; without it, no change is known to be one. */
export function isWidening(before: string | undefined, { typeName = {}, raw_default }: ColumnDef): boolean {
  const [, written = '', ...sizes] = WRITTEN.exec(before ?? '') ?? []
  const { names = [], typmods = [], arrayBounds } = typeName
  const to = { name: names.flatMap(textOf).slice(-1).join(), sizes: typmods.flatMap(numberOf) }
  const from = { name: NAMES[written] ?? written, sizes: sizes.flatMap(size => (size ? [Number(size)] : [])) }
  // USING computes each value, and so it writes.
  if (arrayBounds !== undefined || raw_default !== undefined) return false
  return from.name === 'numeric' ? isWiderNumber(from, to) : isLongerText(from, to)
}

function isLongerText(from: Type, to: Type): boolean {
  if (![from, to].every(({ name }) => name === 'varchar' || name === 'text')) return false
  const [most = Number.POSITIVE_INFINITY] = to.sizes
  const [before = Number.POSITIVE_INFINITY] = from.sizes
  return most >= before
}

/** Another scale rounds, so it writes. */
function isWiderNumber(from: Type, to: Type): boolean {
  const [precisionBefore, scaleBefore = 0] = from.sizes
  const [precision = Number.POSITIVE_INFINITY, scale = scaleBefore] = to.sizes
  return (
    to.name === 'numeric' &&
    precisionBefore !== undefined &&
    precision >= precisionBefore &&
    scale === scaleBefore
  )
}

function numberOf(node: Node): number[] {
  return 'A_Const' in node ? [node.A_Const.ival?.ival ?? 0] : []
}
