/**
 * `npm run db:repair`: makes the journal and the ledger agree again.
 */
import { repair } from './repair-command.ts'
import { openTerminal } from './terminal.ts'

process.exitCode = await repair(process.argv.slice(2), openTerminal())
