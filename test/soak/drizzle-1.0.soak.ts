/**
 * The client on Drizzle 1.0. All that goes through it runs weekly, by `npm run test:weekly`.
 */
import { runSuite } from '../support/drizzle-suite.ts'

await runSuite({
  package: 'drizzle-orm-1',
  line: '1.0.',
  files: /\/(?:drizzle\/|plugins\/db\.|transaction\/(?:read|savepoint)\.)/
})
