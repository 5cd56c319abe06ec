/**
 * The licences of what `npm install` of a package brings along, by the lockfile, which has the packages of all platforms.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './processes.ts'

export const DOCUMENT = 'docs/reference/licences.md'

/** All of them let a program that uses the package have any licence. Another one is for a person to decide. */
export const ALLOWED = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT']

const MARK = '<!-- The table is written by `npm run licences`. -->'

interface Entry {
  license?: string
  link?: boolean
  resolved?: string
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
}

export interface Dependency {
  name: string
  licence: string
  /** Our packages that bring it along. */
  packages: string[]
  /** From the root of the repository, each version that the lockfile has. */
  paths: string[]
}

type Lock = Record<string, Entry>

export function readDependencies(): Dependency[] {
  const { packages: lock }: { packages: Lock } = JSON.parse(
    readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
  )
  const found = new Map<string, Dependency>()
  const ours = readdirSync(join(ROOT, 'packages'))
  for (const name of ours) {
    for (const path of reachableFrom(lock, `packages/${name}`)) add(path, name)
  }
  return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1))

  function add(path: string, packageName: string): void {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const licence = lock[path]?.license ?? 'none'
    const key = `${name} ${licence}`
    const known = found.get(key) ?? { name, licence, packages: [], paths: [] }
    if (!known.packages.includes(packageName)) known.packages.push(packageName)
    if (!known.paths.includes(path)) known.paths.push(path)
    found.set(key, known)
  }
}

/** The text of the document with its table written again. */
export function withTable(text: string): string {
  const rows = readDependencies().map(
    ({ name, licence, packages }) => `| ${name} | ${licence} | ${packages.join(', ')} |`
  )
  const [before] = text.split(MARK)
  return [
    `${before}${MARK}`,
    '',
    '| dependency | licence | installed with |',
    '| --- | --- | --- |',
    ...rows,
    ''
  ].join('\n')
}

/** Of other projects: what these packages depend on themselves, through others, and as peers. */
function reachableFrom(lock: Lock, start: string): string[] {
  const found = new Set([start])
  for (const path of found) {
    for (const name of namesIn(lock[path])) {
      const place = placeOf(lock, path, name)
      const { link, resolved } = lock[place] ?? {}
      found.add(link ? `${resolved}` : place)
    }
  }
  return [...found].filter(path => !path.startsWith('packages/'))
}

function namesIn(entry: Entry = {}): string[] {
  const { dependencies, optionalDependencies, peerDependencies = {}, peerDependenciesMeta = {} } = entry
  const peers = Object.keys(peerDependencies).filter(name => !peerDependenciesMeta[name]?.optional)
  return [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]
}

/** As Node.js looks for it: beside what needs it, and then further up. */
function placeOf(lock: Lock, path: string, name: string): string {
  const nested = `${path}/node_modules/${name}`
  if (nested in lock) return nested
  const end = path.lastIndexOf('/node_modules/')
  if (end >= 0) return placeOf(lock, path.slice(0, end), name)
  return `node_modules/${name}`
}
