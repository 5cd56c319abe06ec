/**
 * Owns the plots: a bar for each contestant, this project's in a colour of its own.
 */

export interface Bar {
  label: string
  value: number
  /** The value as it is read. */
  text: string
  isOwn: boolean
}

export interface Plot {
  title: string
  subtitle: string
  bars: readonly Bar[]
}

const WIDTH = 720
const LABEL_WIDTH = 190
const RIGHT = 100
const TOP = 58
const BOTTOM = 14
const BAR_HEIGHT = 20
const PITCH = 30
const TEXT_DROP = 14
const INK = '#1f2328'
const MUTED = '#656d76'
const COLORS = { own: '#1a7f37', other: '#bc4c00' }

export function svgOf({ title, subtitle, bars }: Plot): string {
  const height = TOP + bars.length * PITCH + BOTTOM
  const most = Math.max(...bars.map(({ value }) => value))
  const elements = bars.flatMap(({ label, value, text, isOwn }, index) => {
    const y = TOP + index * PITCH + (PITCH - BAR_HEIGHT) / 2
    const width = Math.max(1, (value / most) * (WIDTH - LABEL_WIDTH - RIGHT))
    const fill = isOwn ? COLORS.own : COLORS.other
    return [
      textAt({ x: LABEL_WIDTH - 12, y: y + TEXT_DROP, anchor: 'end' }, label),
      `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${fill}"/>`,
      textAt({ x: LABEL_WIDTH + width + 8, y: y + TEXT_DROP, anchor: 'start' }, text)
    ]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}"`,
    '  font-family="system-ui, sans-serif" font-size="13">',
    `  <rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `  <text x="16" y="24" fill="${INK}" font-size="15" font-weight="600">${title}</text>`,
    `  <text x="16" y="43" fill="${MUTED}">${subtitle}</text>`,
    ...elements.map(element => `  ${element}`),
    '</svg>',
    ''
  ].join('\n')
}

function textAt({ x, y, anchor }: { x: number; y: number; anchor: string }, content: string): string {
  return `<text x="${x.toFixed(1)}" y="${y}" fill="${INK}" text-anchor="${anchor}">${content}</text>`
}
