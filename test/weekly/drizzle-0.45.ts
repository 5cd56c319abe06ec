import { runSuite } from '../drizzle-suite.ts'

await runSuite({ package: 'drizzle-orm', line: '0.45.' })
