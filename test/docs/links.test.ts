/**
 * Every link in the documentation leads to a file that is there, and every anchor to a heading of its page.
 */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { ROOT } from '../support/processes.ts'
import { pages, readPage } from './fences.ts'

const anchors = new Map<string, Set<string>>()

for (const page of [...pages(), ...otherPages()]) {
  t.test(`each link of ${page} leads somewhere`, async t => {
    const broken = linksOf(page).filter(({ file, anchor }) => {
      if (!existsSync(join(ROOT, file))) return true
      return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor)
    })

    t.strictSame(
      broken.map(({ target }) => target),
      []
    )
  })
}

t.test('docs/README.md has each page of docs, under its kind', async t => {
  const kinds = readPage('docs/README.md').split(/^## /m).slice(1)
  const listed = kinds.flatMap(kind => {
    const [title = ''] = kind.split('\n')
    return [...kind.matchAll(/^- \[[^\]]+\]\(([^)]+)\)/gm)].map(([, file]) => [title, file])
  })
  const folders: Record<string, string> = {
    tutorials: 'Tutorials',
    'how-to': 'How-to',
    reference: 'Reference',
    explanation: 'Explanation'
  }
  const expected = pages()
    .map(page => /^docs\/((tutorials|how-to|reference|explanation)\/[\w-]+\.md)$/.exec(page))
    .filter(match => match !== null)
    .map(([, file, folder = '']) => [folders[folder], file])

  t.strictSame(listed.map(String).sort(), expected.map(String).sort())
})

t.test('an anchor is made as GitHub makes it', async t => {
  const headings = [
    '## `$client` for libraries on pg',
    '## What is like Neon, and what is not',
    '## A [link](b.md)',
    '## A link'
  ]

  t.strictSame(
    [...slugsOf(headings.join('\n'))],
    ['client-for-libraries-on-pg', 'what-is-like-neon-and-what-is-not', 'a-link', 'a-link-1']
  )
})

/** Lists of tests, and what others keep beside their code. */
function otherPages(): string[] {
  const packages = readdirSync(join(ROOT, 'packages')).map(name => `packages/${name}/test`)
  return [
    'bench/README.md',
    'CHANGELOG.md',
    'SECURITY.md',
    ...['test', ...packages].flatMap(folder => {
      const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      return names.filter(name => name.endsWith('.md')).map(name => `${folder}/${name}`)
    })
  ]
}

function linksOf(page: string) {
  return [...withoutCode(readPage(page)).matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)].map(([, target = '']) => {
    const [path = '', anchor] = target.split('#')
    return { target, file: path === '' ? page : normalize(join(dirname(page), path)), anchor }
  })
}

function anchorsOf(file: string): Set<string> {
  const known = anchors.get(file) ?? slugsOf(withoutCode(readPage(file)))
  anchors.set(file, known)
  return known
}

function slugsOf(text: string): Set<string> {
  const slugs = new Set<string>()
  for (const [, heading = ''] of text.matchAll(/^#+ (.*)$/gm)) {
    const slug = slugOf(heading)
    let candidate = slug
    for (let again = 1; slugs.has(candidate); again++) candidate = `${slug}-${again}`
    slugs.add(candidate)
  }
  return slugs
}

/** The text of a link, in lower case, without punctuation, and with hyphens for spaces. */
function slugOf(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
}

/** A comment of a shell is no heading. */
function withoutCode(text: string): string {
  return text.replace(/^( *)```[\s\S]*?^\1```$/gm, '')
}
