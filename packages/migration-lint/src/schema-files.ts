/**
 * Finds the files of a schema as drizzle-kit does: each path is a file, a folder without those below it, or a glob.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, matchesGlob, normalize, resolve } from 'node:path'

const MAGIC = /[*?[\]{}!()]/
const SOURCE = /(?<!\.d)\.[cm]?[jt]s$/

/** Absolute and sorted. Throws when a path is of no file. */
export function schemaFiles(paths: readonly string[], cwd: string): string[] {
  return [...new Set(paths.flatMap(path => filesOf(path, cwd)))].sort()
}

function filesOf(path: string, cwd: string): string[] {
  const files = MAGIC.test(path) ? matching(path, cwd) : [path]
  const found = files.flatMap(file => {
    const place = resolve(cwd, file)
    const kind = statSync(place, { throwIfNoEntry: false })
    if (kind?.isDirectory()) return readdirSync(place).map(name => join(place, name))
    return kind === undefined ? [] : [place]
  })
  const sources = found.filter(file => SOURCE.test(file))
  if (sources.length === 0) throw new Error(`there is no file of the schema at ${path}`)
  return sources
}

/** From the folder that stands before the first sign of a glob. */
function matching(glob: string, cwd: string): string[] {
  const parts = normalize(glob).split('/')
  const start = parts.slice(
    0,
    parts.findIndex(part => MAGIC.test(part))
  )
  const base = start.join('/')
  const place = resolve(cwd, base)
  const inside = existsSync(place) ? readdirSync(place, { recursive: true, encoding: 'utf8' }) : []
  return inside
    .map(file => join(base, file))
    .filter(file => !file.includes('node_modules') && matchesGlob(file, normalize(glob)))
}
