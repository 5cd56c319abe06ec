/**
 * The tests of all that goes through Drizzle, on another drizzle-orm than the one that is installed:
 * `npm run test:weekly` runs them on each line that is promised.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { groupedFiles } from '../groups/members.ts'
import { runFiles } from '../groups/run.ts'
import { importCopies } from './other-version.ts'
import { ROOT } from './processes.ts'

/** What makes a client of Drizzle in a test. */
const CLIENT = /\/(?:drizzle\/database|support\/(?:notes|marks))\.ts'/

/** The service itself stays on the version that is installed. */
const FOLDERS = /^(?:packages\/fastify-neon\/test|test\/isolation)\//

export interface Suite {
  /** An alias in package.json. */
  package: string
  /** How its version begins. */
  line: string
  /** @default all that go through Drizzle */
  files?: RegExp
}

export async function runSuite({ package: name, line, files = /./ }: Suite): Promise<void> {
  await importCopies({ 'drizzle-orm': join(ROOT, 'node_modules', name) })
  const { npmVersion } = await import('drizzle-orm/version')
  t.ok(npmVersion.startsWith(line), npmVersion)
  await runFiles(groupedFiles().filter(file => isOnDrizzle(file) && files.test(file)))
}

function isOnDrizzle(file: string): boolean {
  if (!FOLDERS.test(file)) return false
  return file.endsWith('/plugins/db.test.ts') || CLIENT.test(readFileSync(`${ROOT}${file}`, 'utf8'))
}
