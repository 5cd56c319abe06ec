/**
 * What drizzle-kit reads of this project, in a folder of its own, which is inside it, so that its packages are found.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { ROOT } from './processes.ts'

const PROJECT = [
  'drizzle',
  'drizzle.config.ts',
  'package.json',
  'packages/fastify-neon/src/connection-string',
  'src/db'
]

export function copyProject(t: Test, folder = t.testdir({})): string {
  for (const path of PROJECT) cpSync(join(ROOT, path), join(folder, path), { recursive: true })
  return folder
}
