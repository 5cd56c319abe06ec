import { runSuite } from '../support/drizzle-suite.ts'

await runSuite({ package: 'drizzle-orm', line: '0.45.' })
