/**
 * Migrations for the tests of the gate, from their SQL.
 */
import { readDirectives } from '../../src/neon/migrations/directives.ts'
import type { Migration } from '../../src/neon/migrations/folder.ts'
import { parseStatements } from '../../src/neon/migrations/statements.ts'

export async function migration(name: string, text: string, when = 1): Promise<Migration> {
  const statements = await parseStatements(text)
  const directives = readDirectives(text)
  const hash = text
  return { name, when, file: `${name}.sql`, text, hash, hashes: new Set([hash]), directives, statements }
}
