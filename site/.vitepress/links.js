/**
 * Owns the links of a page: what is in docs/ is a page of the site, and everything else is a file of the repository.
 * Links between pages are left to VitePress, whose build fails when one leads nowhere.
 */
import { posix } from 'node:path'

const ELSEWHERE = /^(?:[a-z]+:|#|\/)/

/** A plugin of markdown-it. `repository` is its address; without one, links to files are text. */
export function linksFromDocs(md, { repository }) {
  md.core.ruler.push('links-from-docs', ({ tokens, env }) => {
    for (const { children } of tokens) rewriteLinks(children ?? [], env.relativePath)
  })

  function rewriteLinks(tokens, page) {
    const open = tokens.filter(({ type }) => type === 'link_open')
    const closed = tokens.filter(({ type }) => type === 'link_close')
    for (const [index, link] of open.entries()) {
      const href = link.attrGet('href')
      if (ELSEWHERE.test(href)) continue
      const [path, anchor] = href.split('#')
      const target = posix.normalize(posix.join('docs', posix.dirname(page), path))
      if (target.startsWith('docs/') && target.endsWith('.md'))
        link.attrSet('href', pageHref(target, page, anchor))
      else if (repository) link.attrSet('href', `${repository}/blob/main/${withAnchor(target, anchor)}`)
      else
        for (const token of [link, closed[index]])
          Object.assign(token, { tag: 'span', attrs: [['title', target]] })
    }
  }
}

/** README.md is the index of its folder, as on GitHub; that of docs/ is the home page. */
function pageHref(target, page, anchor) {
  const file = target.replace(/README\.md$/, 'index.md')
  return withAnchor(posix.relative(posix.join('docs', posix.dirname(page)), file), anchor)
}

function withAnchor(path, anchor) {
  return anchor ? `${path}#${anchor}` : path
}

/** The anchor that GitHub gives a heading, so that a link with one works in both places. */
export function githubSlug(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Mark}\p{Number}_\- ]/gu, '')
    .replaceAll(' ', '-')
}
