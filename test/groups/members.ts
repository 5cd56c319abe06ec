/**
 * Owns which test file runs in which process. The files of a group run in one process, one after
 * the other; what needs a process of its own is named in .taprc, with the reason.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** By path, from `test/` on. Of about the same time each, so that none is alone at the end. */
export const GROUPS: Record<string, RegExp> = {
  commands: /^cli\/[a-k]/,
  'commands-more': /^cli\/[l-z]/,
  gate: /^(?:gate|workflows)\//,
  health: /^(?:health|plugins\/health)/,
  isolation: /^isolation\//,
  local: /^local\/[^/]*$/,
  'local-parts': /^local\/(?!postgres\/).*\//,
  'local-postgres': /^local\/postgres\//,
  neon: /^neon\/[a-o][^/]*$/,
  'neon-more': /^neon\/[p-z][^/]*$/,
  'neon-parts': /^neon\/.*\//,
  plugins: /^(?:plugins\/(?!health)|routes\/)/,
  reliability: /^reliability\/[a-l]/,
  'reliability-more': /^reliability\/[m-z]/,
  service: /^(?:[^/]*$|(?:bench|db|deploy|docs)\/)/
}

/** What has a process of its own. All paths are from the root of the project on. */
export function filesAlone(): string[] {
  const { include }: { include: string[] } = parse(readFileSync(`${ROOT}.taprc`, 'utf8'))
  return include.filter(file => file.endsWith('.test.ts'))
}

export function groupedFiles(): string[] {
  const alone = filesAlone()
  return readdirSync(`${ROOT}test`, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.test.ts'))
    .map(file => `test/${file}`)
    .filter(file => !alone.includes(file))
    .sort()
}

export function groupsOf(file: string): string[] {
  return Object.entries(GROUPS)
    .filter(([, pattern]) => pattern.test(file.replace('test/', '')))
    .map(([name]) => name)
}

export function membersOf(group: string): string[] {
  return groupedFiles().filter(file => groupsOf(file).includes(group))
}
