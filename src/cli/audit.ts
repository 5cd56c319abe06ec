/**
 * `npm run db:audit`: whether the database keeps the rows of users apart.
 */
import { audit } from './audit-command.ts'
import { openTerminal } from './terminal.ts'

process.exitCode = await audit(process.argv.slice(2), openTerminal())
