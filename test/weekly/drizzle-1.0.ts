import { runSuite } from '../support/drizzle-suite.ts'

await runSuite({ package: 'drizzle-orm-1', line: '1.0.' })
