/**
 * Owns the rows as people read them on a terminal.
 */
import type { Row } from './rows.ts'

export function tableOf(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length))
  return rows
    .map(({ name, ratio, target, ok }) =>
      [ok ? 'ok    ' : 'not ok', name.padEnd(width), String(target).padStart(5), `: ${ratio}`].join(' ')
    )
    .join('\n')
}
