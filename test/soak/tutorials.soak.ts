/**
 * Each tutorial from top to bottom in an empty folder, with the packages as npm gets them.
 */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { packPackages } from '../../compat/packages.ts'
import { pages, readPage } from '../docs/fences.ts'
import { runTutorial } from '../docs/tutorial.ts'
import { temporaryPath } from '../temporary-folder.ts'

const folder = await mkdtemp(temporaryPath('tutorials'))
t.teardown(() => rm(folder, { recursive: true, maxRetries: 3 }))
// Root's Postgres runs as another user, who has to get at its programs here.
await chmod(folder, 0o755)
const tarballs = await packPackages(folder)
const tutorials = pages().filter(page => page.startsWith('docs/tutorials/'))

t.ok(tutorials.length > 0)
// Most of the time goes into npm.
t.jobs = tutorials.length

for (const page of tutorials) {
  t.test(`${page} does what it says, from top to bottom`, { buffered: true }, async t => {
    const home = join(folder, page.replaceAll('/', '-').replace('.md', ''))
    await mkdir(home)

    await runTutorial(t, readPage(page), { folder: home, tarballs })
  })
}
