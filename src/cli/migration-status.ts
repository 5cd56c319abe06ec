/**
 * `npm run db:status`: what is applied and what is not.
 */
import { showStatus } from './status-command.ts'
import { openTerminal } from './terminal.ts'

process.exitCode = await showStatus(process.argv.slice(2), openTerminal())
