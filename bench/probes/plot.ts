/**
 * Owns the plot: a bar for each contestant, as long as its compute was awake.
 */
import { round } from '../endpoint/figures.ts'
import type { Row } from './report.ts'

const WIDTH = 720
const LABEL_WIDTH = 190
const RIGHT = 90
const TOP = 58
const BAR_HEIGHT = 22
const PITCH = 36
const TICKS = 4
const HOUR_SECONDS = 3600
const INK = '#1f2328'
const MUTED = '#656d76'
const COLORS = { own: '#1a7f37', other: '#bc4c00' }

export function plotOf({ everySeconds, hours, results }: Row): string {
  const height = TOP + results.length * PITCH + 34
  const bottom = TOP + results.length * PITCH
  const x = (awakeHours: number) => LABEL_WIDTH + (awakeHours / hours) * (WIDTH - LABEL_WIDTH - RIGHT)
  const title = `Hours that a compute is awake in ${hours} h without traffic`
  const subtitle = `probed every ${everySeconds} s, after the boot`

  const ticks = Array.from({ length: TICKS + 1 }, (_, tick) => (hours / TICKS) * tick).flatMap(hour => [
    `<path d="M${round(x(hour), 1)} ${TOP - 6}V${bottom}" stroke="#d0d7de"/>`,
    text({ x: x(hour), y: bottom + 18, fill: MUTED, anchor: 'middle' }, `${round(hour, 1)} h`)
  ])
  const bars = results.flatMap(({ contestant, awakeSeconds }, index) => {
    const y = TOP + index * PITCH + (PITCH - BAR_HEIGHT) / 2
    const awakeHours = Math.min(hours, awakeSeconds / HOUR_SECONDS)
    const fill = contestant === 'fastify-neon' ? COLORS.own : COLORS.other
    const width = round(Math.max(1, x(awakeHours) - LABEL_WIDTH), 1)
    return [
      text({ x: LABEL_WIDTH - 12, y: y + 15, fill: INK, anchor: 'end' }, contestant),
      `<rect x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR_HEIGHT}" fill="${fill}"/>`,
      text({ x: x(awakeHours) + 8, y: y + 15, fill: INK, anchor: 'start' }, `${awakeHours.toFixed(2)} h`)
    ]
  })

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}"`,
    '  font-family="system-ui, sans-serif" font-size="13">',
    `  <rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `  <text x="16" y="24" fill="${INK}" font-size="15" font-weight="600">${title}</text>`,
    `  <text x="16" y="43" fill="${MUTED}">${subtitle}</text>`,
    ...[...ticks, ...bars].map(element => `  ${element}`),
    '</svg>',
    ''
  ].join('\n')
}

interface Place {
  x: number
  y: number
  fill: string
  anchor: 'start' | 'middle' | 'end'
}

function text({ x, y, fill, anchor }: Place, content: string): string {
  return `<text x="${round(x, 1)}" y="${y}" fill="${fill}" text-anchor="${anchor}">${content}</text>`
}
