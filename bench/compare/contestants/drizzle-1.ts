/**
 * Makes drizzle-orm 1.0 of what this process imports as drizzle-orm from then on.
 */
import { fileURLToPath } from 'node:url'
import { importCopies } from '../../../test/support/other-version.ts'

await importCopies({
  'drizzle-orm': fileURLToPath(new URL('../../../node_modules/drizzle-orm-1', import.meta.url))
})
