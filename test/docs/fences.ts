/**
 * The fenced blocks of a page in Markdown, which the tests of the documentation run, compile and parse.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../support/processes.ts'

export interface Fence {
  /** `js` of "```js"; empty without one. */
  language: string
  /** What stands behind it, such as `database` of "```console database". */
  info: string
  text: string
  /** In the page, of its first line of text, from 1 on. */
  line: number
}

/** A fence may be indented, as in a list. */
const FENCE = /^( *)```(\w*) *(.*)\n([\s\S]*?)^\1```$/gm

export function fencesOf(page: string): Fence[] {
  return [...page.matchAll(FENCE)].map(match => {
    const [, indent = '', language = '', info = '', text = ''] = match
    return {
      language,
      info: info.trim(),
      text: text.replace(new RegExp(`^${indent}`, 'gm'), ''),
      line: page.slice(0, match.index).split('\n').length + 1
    }
  })
}

/** `app.js` of a block that begins with `// app.js`: where its text is to be written, at the end of what is there or alone. */
export function fileOf({ text }: Fence): { name: string; isAtTheEnd: boolean } | undefined {
  const [, name, end] = /^(?:\/\/|#|--) ([\w./-]*\.\w+)(, at the end)?\n/.exec(text) ?? []
  return name === undefined ? undefined : { name, isAtTheEnd: end !== undefined }
}

/** All pages of the documentation, by their path in the project. */
export function pages(): string[] {
  const readmes = readdirSync(join(ROOT, 'packages')).map(name => `packages/${name}/README.md`)
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`)
  return ['README.md', 'CONTRIBUTING.md', ...readmes.sort(), ...docs.sort()]
}

export function readPage(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8')
}
