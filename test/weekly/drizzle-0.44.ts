import { runSuite } from '../support/drizzle-suite.ts'

await runSuite({ package: 'drizzle-orm-0.44', line: '0.44.' })
