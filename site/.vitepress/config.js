/**
 * The site of the documentation: navigation by the kinds of page, links out of docs/ to the repository, local search.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitepress'
import { PAGES } from '../pages.js'
import { githubSlug, linksFromDocs } from './links.js'

const KINDS = [
  { folder: 'tutorials', title: 'Tutorials' },
  { folder: 'how-to', title: 'How-to guides' },
  { folder: 'reference', title: 'Reference' },
  { folder: 'explanation', title: 'Explanation' },
  { folder: 'api', title: 'API' },
  { folder: 'adr', title: 'Decisions' }
]

// The kinds of page that people write for readers, on the home page.
const ACTIONS = 4

// Of GitHub Actions. Elsewhere the site is at the root of its host, and links to files of the repository are text.
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env
const repository = GITHUB_REPOSITORY && `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`
const base = GITHUB_REPOSITORY ? `/${GITHUB_REPOSITORY.split('/')[1]}/` : '/'

const kinds = KINDS.filter(({ folder }) => existsSync(join(PAGES, folder))).map(({ folder, title }) => ({
  title,
  pages: pagesIn(folder)
}))

export default defineConfig({
  title: 'fastify-neon',
  description: 'Neon Postgres for Fastify: a pool, a Drizzle client, migrations and health probes',
  lang: 'en',
  base,
  srcDir: PAGES,
  cleanUrls: true,
  lastUpdated: false,
  transformPageData({ relativePath, frontmatter }) {
    if (relativePath === 'index.md') frontmatter.hero.actions = kinds.slice(0, ACTIONS).map(actionOf)
  },
  markdown: { anchor: { slugify: githubSlug }, config: md => md.use(linksFromDocs, { repository }) },
  themeConfig: {
    search: { provider: 'local', options: { miniSearch: { searchOptions: { boostDocument } } } },
    outline: [2, 3],
    nav: kinds.map(({ title, pages: [first] }) => ({
      text: title,
      link: first.link,
      activeMatch: `^/${first.link.split('/')[1]}/`
    })),
    sidebar: kinds.map(({ title, pages }) => ({
      text: title,
      collapsed: title === 'Decisions' || title === 'API',
      items: pages
    })),
    ...(repository && { socialLinks: [{ icon: 'github', link: repository }] })
  }
})

function actionOf({ title, pages: [first] }, index) {
  return { theme: index === 0 ? 'brand' : 'alt', text: title, link: first.link }
}

/** In the order of their titles, with the index of a folder first. */
function pagesIn(folder) {
  const names = readdirSync(join(PAGES, folder), { recursive: true, encoding: 'utf8' })
  return names
    .filter(name => name.endsWith('.md'))
    .map(name => ({
      text: titleOf(join(PAGES, folder, name)),
      link: `/${folder}/${name.replace(/(?:index)?\.md$/, '')}`
    }))
    .sort(
      (a, b) => Number(!a.link.endsWith('/')) - Number(!b.link.endsWith('/')) || a.text.localeCompare(b.text)
    )
}

/** The first heading, without its markup. */
function titleOf(page) {
  const [, heading = page] = /^# (.+)$/m.exec(readFileSync(page, 'utf8')) ?? []
  return heading.replaceAll('`', '').replaceAll('\\', '')
}

/** Pages that people wrote for readers come before those of the types and of decisions. Runs in the browser. */
function boostDocument(id) {
  return /^\/(?:[\w-]+\/)?(?:api|adr)\//.test(id) ? 0.3 : 1
}
