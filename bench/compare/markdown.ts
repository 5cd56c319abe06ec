/**
 * Tables as Markdown, and numbers in their cells.
 */

export const NOTHING = ''

/** Without the rows of which there is nothing, and empty without any. */
export function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const filled = rows.filter(([, ...cells]) => cells.some(cell => cell !== NOTHING))
  if (filled.length === 0) return NOTHING
  return [header, header.map(() => '---'), ...filled].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

export function significant(value: number): string {
  return String(Number(value.toPrecision(3)))
}
