/**
 * Each tutorial from top to bottom in an empty folder, with the packages as npm gets them. Weekly so are how-to pages that are made
 * for it.
 */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { pages, readPage } from '../docs/fences.ts'
import { runTutorial } from '../docs/tutorial.ts'
import { temporaryPath } from '../support/temporary-folder.ts'
import { packedPackages } from './packed-packages.ts'

const folder = await mkdtemp(temporaryPath('tutorials'))
t.teardown(() => rm(folder, { recursive: true, maxRetries: 3 }))
// Root's Postgres runs as another user, who has to get at its programs here.
await chmod(folder, 0o755)
const { tarballs } = await packedPackages()
const tutorials = pages().filter(page => page.startsWith('docs/tutorials/'))

/** Begin in a project, where tutorials begin in an empty folder. Weekly. */
const howTos = process.env.ALL_PAGES ? ['docs/how-to/test-with-local-neon.md'] : []
const PROJECT = [
  '```console',
  '$ npm init --yes',
  '$ npm pkg set type=module',
  '$ npm install fastify fastify-neon drizzle-orm@0.45 @neondatabase/serverless',
  '```'
].join('\n')

t.ok(tutorials.length > 0)
// Most of the time goes into npm.
t.jobs = tutorials.length

for (const page of [...tutorials, ...howTos]) {
  t.test(`${page} does what it says, from top to bottom`, { buffered: true }, async t => {
    const home = join(folder, page.replaceAll('/', '-').replace('.md', ''))
    await mkdir(home)

    const start = howTos.includes(page) ? `${PROJECT}\n` : ''
    await runTutorial(t, `${start}${readPage(page)}`, { folder: home, tarballs })
  })
}
