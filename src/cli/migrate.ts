/**
 * `npm run db:migrate`: applies the pending migrations and names each.
 */
import { migrate } from './migrate-command.ts'
import { openTerminal } from './terminal.ts'

process.exitCode = await migrate(process.argv.slice(2), openTerminal())
