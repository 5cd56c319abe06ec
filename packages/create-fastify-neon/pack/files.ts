/**
 * Files of a project as texts by their paths, and what a template does with them.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

export type Files = Map<string, string>

/** A place in one file and what stands there in the template. The place must be there, and once. */
export interface Edit {
  file: string
  find: string | RegExp
  by: string
}

/** Of these files and folders, without those that a pattern leaves out. */
export function readFiles(root: string, paths: readonly string[], leftOut?: RegExp): Files {
  const found = paths.flatMap(path => {
    if (!statSync(join(root, path)).isDirectory()) return path
    const entries = readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    return entries
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(join(root, '/').length))
  })
  const kept = found.filter(path => !leftOut?.test(path))
  return new Map(kept.sort().map(path => [path, readFileSync(join(root, path), 'utf8')]))
}

export function without(files: Files, leftOut: readonly RegExp[]): Files {
  return new Map([...files].filter(([path]) => !leftOut.some(pattern => pattern.test(path))))
}

export function edited(files: Files, edits: readonly Edit[]): Files {
  const result = new Map(files)
  for (const { file, find, by } of edits) {
    const text = result.get(file)
    if (text === undefined) throw new Error(`the template has no ${file}`)
    const pieces = text.split(find)
    if (pieces.length !== 2) throw new Error(`${file} has ${pieces.length - 1} times, and not once: ${find}`)
    result.set(file, pieces.join(by))
  }
  return result
}

/** The same change in each file. */
export function mapTexts(files: Files, change: (text: string, path: string) => string): Files {
  return new Map([...files].map(([path, text]) => [path, change(text, path)]))
}
