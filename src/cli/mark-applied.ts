/**
 * `npm run db:mark-applied`: writes to the ledger what was applied in another way.
 */
import { mark } from './mark-applied-command.ts'
import { openTerminal } from './terminal.ts'

process.exitCode = await mark(process.argv.slice(2), openTerminal())
